import { randomBytes } from "node:crypto"
import { chmod, constants, copyFile, link, realpath, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { printable } from "@skerry/model"
import { type Copied, cannotLink, digestOf, exchange, type ServiceCall } from "@skerry/services"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { DomainLines } from "../render/domain-text.ts"
import { type AskContext, askYes } from "../terminal/ask-yes.ts"

export interface OpenOptions {
  readonly isViewOnly: boolean
  /** Bring a changed file back without asking. */
  readonly isAgreed: boolean
  readonly keepsBackup: boolean
}

/** The original's copies beside it: more than this, and something else is wrong. */
const MOST_BACKUPS = 100

/** Opens a host file elsewhere, and puts what came back in its place if the user says so. */
export async function openAndBringBack(
  context: Pick<CommandContext, "stdin" | "stderr" | "signal">,
  openCall: () => ServiceCall,
  givenPath: string,
  options: OpenOptions,
): Promise<void> {
  const { mode } = await statFile(givenPath)
  // A symlink stays one: the file that it leads to is the original.
  const path = await realpath(givenPath)
  const before = await digestOf(path)
  const answer = join(dirname(path), `.skerry-open-${randomBytes(6).toString("hex")}`)
  try {
    const file = { path, name: basename(givenPath), isViewOnly: options.isViewOnly }
    using said = new DomainLines(context.stderr)
    const changed = await exchange(openCall(), file, answer, (untrustedText) => said.show(untrustedText))
    said[Symbol.dispose]()
    if (changed === undefined) {
      if (!options.isViewOnly) context.stderr.write(`${printable(path)} was not changed\n`)
      return
    }
    await describeChange(context, path, before, changed)
    if (!(await isWanted(context, options))) {
      context.stderr.write("The original stays as it is\n")
      return
    }
    await chmod(answer, mode & 0o777)
    if (options.keepsBackup)
      context.stderr.write(`The original is kept as ${printable(await keepBackup(path))}\n`)
    await rename(answer, path)
  } finally {
    await rm(answer, { force: true })
  }
}

async function statFile(path: string): Promise<{ readonly mode: number }> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(
      "refused",
      `Cannot open ${path}: ${cause.code === "ENOENT" ? "there is no such file" : cause.code}`,
      {
        cause,
      },
    )
  })
  if (!found.isFile()) throw new CliError("refused", `Cannot open ${path}: it is no file`)
  return found
}

async function describeChange(
  { stderr }: Pick<CommandContext, "stderr">,
  path: string,
  before: Copied,
  changed: Copied,
): Promise<void> {
  const line = (word: string, { bytes, sha256 }: Copied) =>
    `  ${word}  ${showBytes(bytes)} (${bytes})  sha256:${sha256}\n`
  stderr.write(`${printable(path)} was changed:\n${line("before", before)}${line("after ", changed)}`)
  const now = await digestOf(path)
  if (now.sha256 !== before.sha256) {
    stderr.write(line("now   ", now))
    stderr.write("Meanwhile it was changed on the host as well: that change would be lost\n")
  }
}

async function isWanted(context: AskContext, { isAgreed }: OpenOptions): Promise<boolean> {
  if (isAgreed) return true
  if (context.stdin.isTTY === true) return await askYes(context, "Bring it back?")
  context.stderr.write("There is no terminal to ask on: with --yes it is brought back without asking\n")
  return false
}

/** Beside the original, under a name that was free. */
async function keepBackup(path: string): Promise<string> {
  for (let number = 1; number <= MOST_BACKUPS; number++) {
    const backup = number === 1 ? `${path}.orig` : `${path}.orig.${number}`
    try {
      await link(path, backup).catch(async (error: unknown) => {
        if (!cannotLink(error)) throw error
        await copyFile(path, backup, constants.COPYFILE_EXCL)
      })
      return backup
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    }
  }
  throw new CliError(
    "refused",
    `Cannot keep a backup of ${path}: there are ${MOST_BACKUPS} already; remove some`,
  )
}
