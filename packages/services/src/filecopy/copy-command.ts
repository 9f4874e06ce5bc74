import { resolve } from "node:path"
import { printableLines } from "@skerry/model"
import type { Program, ProgramIo, ServiceCall } from "../program.ts"
import { copyArgument } from "./arguments.ts"
import { FilecopyError } from "./qfile.ts"
import { type SendOutcome, sendFiles } from "./send.ts"
import { TerminalProgress } from "./terminal-progress.ts"
import { measure } from "./walk.ts"

interface CopyJob {
  readonly target: string
  readonly paths: readonly string[]
  readonly ignoreSymlinks: boolean
  readonly allNames: boolean
  /** Tried first; a plain peer gets a second, plain call. */
  readonly resume: boolean
}

/** `qvm-copy FILE…`: where to is the policy's and the user's choice. */
export const qvmCopy: Program = (io) => {
  const { options, words } = splitWords(io.argv)
  return copy(io, jobOf(io, "@default", words, options, false))
}

/** `qvm-copy-to-vm TARGET FILE…` */
export const qvmCopyToVm: Program = (io) => {
  const { options, words } = splitWords(io.argv)
  const [target = "", ...files] = words
  return copy(io, jobOf(io, target, files, options, false))
}

/** `skerry-cp FILE… TARGET:`; interrupted, the same command goes on where it stopped. */
export const skerryCp: Program = (io) => {
  const { options, words } = splitWords(io.argv)
  const last = words.at(-1) ?? ""
  if (!/^[^/:]*(?::[a-z0-9-]+)?:$/.test(last))
    throw new Error("Use: skerry-cp FILE… TARGET: (`:` alone lets the user choose)")
  return copy(io, jobOf(io, last.slice(0, -1) || "@default", words.slice(0, -1), options, true))
}

const OPTIONS = ["--ignore-symlinks", "--allow-all-names"]

function splitWords(argv: readonly string[]): { options: ReadonlySet<string>; words: string[] } {
  const end = argv.indexOf("--")
  const before = end === -1 ? argv : argv.slice(0, end)
  const options = new Set(before.filter((word) => word.startsWith("--")))
  for (const option of options) {
    if (!OPTIONS.includes(option))
      throw new Error(`Unknown option ${JSON.stringify(option)}: there are ${OPTIONS.join(" and ")}`)
  }
  const after = end === -1 ? [] : argv.slice(end + 1)
  return { options, words: [...before.filter((word) => !word.startsWith("--")), ...after] }
}

function jobOf(
  io: ProgramIo,
  target: string,
  files: readonly string[],
  options: ReadonlySet<string>,
  resume: boolean,
): CopyJob {
  if (files.length === 0) throw new Error("Name at least one file to copy")
  return {
    target,
    paths: files.map((file) => resolve(io.cwd, file)),
    ignoreSymlinks: options.has("--ignore-symlinks"),
    allNames: options.has("--allow-all-names"),
    resume,
  }
}

async function copy(io: ProgramIo, job: CopyJob): Promise<number> {
  const total = measure(job.paths, job.ignoreSymlinks).bytes
  using progress = new TerminalProgress(io.stderr, total, () => performance.now())
  const first = await send(io, job, progress)
  if (first.kind === "plain-peer") await send(io, { ...job, resume: false }, progress)
  return 0
}

async function send(io: ProgramIo, job: CopyJob, progress: TerminalProgress): Promise<SendOutcome> {
  const { target, allNames, resume, paths, ignoreSymlinks } = job
  const argument = copyArgument({ allNames, resume, from: undefined })
  const call = await io.openCall({ target, service: "qubes.Filecopy", argument })
  call.exitCode.catch(() => {}) // heard where the streams have ended
  call.stderr.on("data", (untrustedBytes: Buffer) =>
    io.stderr.write(printableLines(untrustedBytes.toString("utf8"))),
  )
  try {
    const outcome = await sendFiles({
      paths,
      output: call.stdin,
      replies: call.stdout,
      resume,
      ignoreSymlinks,
      onProgress: (bytes) => progress.show(bytes),
    })
    call.stdin.end()
    if (outcome.kind === "sent") await call.exitCode
    return outcome
  } catch (error) {
    throw await reasonOf(call, error)
  }
}

/** Where the streams just ended, the call itself knows why: it was refused, or its service failed. */
async function reasonOf(call: ServiceCall, error: unknown): Promise<unknown> {
  if (!(error instanceof FilecopyError && error.code === "peer-failed" && error.cause !== undefined)) {
    call.cancel()
    return error
  }
  return await call.exitCode.then(
    () => error,
    (refusal: unknown) => refusal,
  )
}
