import { join, resolve } from "node:path"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { passphraseFrom } from "../terminal/read-passphrase.ts"
import { type Chain, EMPTY } from "./chain.ts"
import { openDirectoryPlace } from "./directory-place.ts"
import type { BackupPlace } from "./place.ts"
import { remember, whyOlder } from "./seen.ts"
import { openStreamIn, StreamOut } from "./stream-place.ts"
import { hasHeader, makeVault, openVault, type Vault } from "./vault.ts"

/* How commands get at a backup: its place, its passphrase, and what this machine remembers of it. */

export const STREAM = "-"

export const PASSPHRASE_OPTION = {
  kind: "value",
  placeholder: "FILE",
  complete: "file",
  summary: "Take the passphrase of the backup from the first line of this file",
} as const

export interface OpenOptions {
  readonly "passphrase-file": string | undefined
}

const seenPath = ({ paths }: Pick<CommandContext, "paths">) => join(paths.state, "backups.json")
const shownPlace = ({ cwd }: Pick<CommandContext, "cwd">, word: string) =>
  word === STREAM ? word : resolve(cwd, word)

export async function openPlaceFor(
  context: CommandContext,
  word: string,
  access: "read" | "write",
): Promise<BackupPlace> {
  const { openLinux } = await import("@skerry/linux")
  const options = { linux: openLinux(), access }
  if (word !== STREAM) return openDirectoryPlace(resolve(context.cwd, word), options)
  if (access === "read") return openStreamIn(context.stdin, join(context.paths.cache, "backups"), options)
  if (context.stdout.isTTY === true) {
    throw new CliError(
      "usage",
      "A backup cannot be written to a terminal: send it to a file, or to another program",
    )
  }
  return new StreamOut(context.stdout)
}

/** The backup that lies there, or a new one. Throws CliError "refused" for a place that was put back to an earlier time. */
export async function openForWriting(
  context: CommandContext,
  place: BackupPlace,
  word: string,
  options: OpenOptions & { readonly "accept-older": boolean },
): Promise<Vault> {
  const isNew = !(await hasHeader(place))
  // Before anything is written there.
  if (isNew) await refuseOlder(context, word, { id: "", chain: EMPTY }, options)
  if (isNew) {
    context.stderr.write(
      "A backup is begun. Without its passphrase nobody can read it, and nobody can bring the passphrase back: write it down.\n",
    )
  }
  const passphrase = await askPassphrase(context, options, isNew)
  if (isNew) return makeVault(place, passphrase)
  const vault = await openVault(place, passphrase)
  await refuseOlder(context, word, vault, options)
  return vault
}

async function refuseOlder(
  context: CommandContext,
  word: string,
  vault: Pick<Vault, "id" | "chain">,
  options: { readonly "accept-older": boolean },
): Promise<void> {
  const older = await checkSeen(context, word, vault)
  if (older === undefined || options["accept-older"]) return
  throw new CliError("refused", `${older}. With --accept-older the backup goes on from what is there`)
}

export async function askPassphrase(
  context: CommandContext,
  options: OpenOptions,
  isNew: boolean,
): Promise<string> {
  const file = options["passphrase-file"]
  if (file === undefined && context.stdin.isTTY !== true) {
    throw new CliError("usage", "There is no terminal to ask for the passphrase: give --passphrase-file")
  }
  return passphraseFrom(
    context,
    file,
    isNew ? "New passphrase of the backup" : "Passphrase of the backup",
    isNew,
  )
}

/** What does not fit to what was seen there before; undefined: nothing that is known here. */
export function checkSeen(
  context: CommandContext,
  word: string,
  { id, chain }: Pick<Vault, "id" | "chain">,
): Promise<string | undefined> {
  if (word === STREAM) return Promise.resolve(undefined)
  return whyOlder(seenPath(context), id, shownPlace(context, word), chain)
}

export async function rememberSeen(
  context: CommandContext,
  word: string,
  id: string,
  chain: Chain,
): Promise<void> {
  if (word === STREAM) return
  const { writeDurably } = await import("@skerry/image")
  await remember(seenPath(context), { id, place: shownPlace(context, word), chain }, (path, content) =>
    writeDurably(path, content, 0o600),
  )
}
