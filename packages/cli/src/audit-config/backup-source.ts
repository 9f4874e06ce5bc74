import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { System } from "@skerry/model"
import { writeConfiguration } from "../backup/configuration-files.ts"
import { openDirectoryPlace } from "../backup/directory-place.ts"
import type { Backup } from "../backup/manifest.ts"
import { HEADER_PATH } from "../backup/place.ts"
import { chooseBackup, readFiles } from "../backup/restore-plan.ts"
import { openVault } from "../backup/vault.ts"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { shownPath } from "../state/shown-path.ts"
import { passphraseFrom } from "../terminal/read-passphrase.ts"
import { type Audited, auditDirectory, audited } from "./audited.ts"

export interface BackupSourceOptions {
  readonly evaluate: boolean
  readonly backup: string | undefined
  readonly "passphrase-file": string | undefined
}

export const isBackup = ({ cwd }: Pick<CommandContext, "cwd">, word: string): boolean =>
  existsSync(join(resolve(cwd, word), HEADER_PATH))

/** Reads the configuration out of a backup; nothing of it is put in place, and a program in it is not run unless that is said. */
export async function auditBackup(
  context: CommandContext,
  word: string,
  options: BackupSourceOptions,
): Promise<Audited> {
  const { openLinux } = await import("@skerry/linux")
  const path = resolve(context.cwd, word)
  await using place = await openDirectoryPlace(path, { linux: openLinux(), access: "read" })
  const passphrase = await passphraseFrom(
    context,
    options["passphrase-file"],
    "Passphrase of the backup",
    false,
  )
  const vault = await openVault(place, passphrase)
  const backup = chooseBackup(vault, numberOf(options.backup))
  const entries = await readFiles(vault, backup)
  const title = `backup ${backup.number} in ${shownPath({ path })}`
  const folder = mkdtempSync(join(tmpdir(), "skerry-audit-"))
  try {
    const directory = join(folder, "configuration")
    await writeConfiguration(directory, entries)
    const known = await systemKnownHere(context, backup)
    if (known !== undefined) return audited(context, title, known, directory)
    return await auditDirectory(context, directory, options.evaluate, title)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function numberOf(word: string | undefined): number | undefined {
  if (word === undefined || /^[1-9][0-9]{0,8}$/.test(word))
    return word === undefined ? undefined : Number(word)
  throw new CliError(
    "usage",
    `${JSON.stringify(word)} is no backup's number: "skerry backup list" shows them`,
  )
}

/** The backup says, under its seal, what its configuration comes to: a generation of the same digest says the same. */
async function systemKnownHere(
  { paths }: Pick<CommandContext, "paths">,
  backup: Backup,
): Promise<System | undefined> {
  const { GenerationStore } = await import("@skerry/image")
  const store = new GenerationStore(paths.state)
  for (const number of (await store.numbers()).toReversed()) {
    const { system, systemDigest } = await store.read(number)
    if (systemDigest === backup.configuration) return system
  }
  return undefined
}
