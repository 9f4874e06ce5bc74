import type { OnProgress } from "@skerry/model"
import type { ObjectRecord } from "@skerry/rpc"
import { type ConfigurationEntry, readConfiguration } from "./configuration-files.ts"
import type { DigestSet } from "./digest-set.ts"
import { BackupError } from "./errors.ts"
import { placedPacks } from "./index-parts.ts"
import type { Backup, Part } from "./manifest.ts"
import { readPack } from "./pack.ts"
import { reachable, readNodes, rootsOf } from "./reach.ts"
import { partPath, readPart, type Vault } from "./vault.ts"

/** What a restore will do, after everything that it needs was read and found whole. */
export interface RestorePlan {
  readonly vault: Vault
  readonly backup: Backup
  readonly configuration: readonly ConfigurationEntry[]
  readonly packs: readonly Part[]
  readonly wanted: DigestSet
}

/** The backup of this number, or the newest. Throws BackupError. */
export function chooseBackup({ chain, place }: Vault, number: number | undefined): Backup {
  const found =
    number === undefined ? chain.backups.at(-1) : chain.backups.find((each) => each.number === number)
  if (chain.broken !== undefined && (number === undefined || found === undefined)) {
    const whole = chain.backups.map((each) => each.number).join(", ")
    throw new BackupError(
      "damaged",
      `${place.shown}: ${chain.broken}. ${whole === "" ? "Nothing can be restored" : `What came before can be restored with --from: ${whole}`}`,
    )
  }
  if (found !== undefined) return found
  const numbers = chain.backups.map((each) => each.number).join(", ")
  throw new BackupError(
    "unknown-backup",
    numbers === ""
      ? `${place.shown} has no backup that was finished`
      : `${place.shown} has no backup ${number}; it has ${numbers}`,
  )
}

/** The part with the configuration's files of a backup. Throws BackupError. */
export async function readFiles(vault: Vault, backup: Backup): Promise<readonly ConfigurationEntry[]> {
  const part = vault.chain.parts.find(({ kind, name }) => kind === "files" && name === backup.files)
  if (part === undefined)
    throw new BackupError("damaged", "The manifests name no part with the configuration")
  return readConfiguration(await readPart(vault, part))
}

const STEP = "check"

/** Reads everything that the restore needs, before anything is written anywhere. Throws BackupError. */
export async function planRestore(
  vault: Vault,
  backup: Backup,
  { onProgress, signal }: { readonly onProgress: OnProgress; readonly signal: AbortSignal },
): Promise<RestorePlan> {
  const configuration = await readFiles(vault, backup)
  const placed = await placedPacks(vault)
  const wanted = reachable(await readNodes(vault), rootsOf([backup]))
  const packs = placed
    .filter(({ digests }) => digests.some((digest) => wanted.has(digest)))
    .map(({ part }) => part)
  const total = packs.reduce((sum, { bytes }) => sum + bytes, 0)
  onProgress({ kind: "begin", step: STEP, label: "Checking the backup", unit: "bytes", total })
  let found = 0
  let done = 0
  const plan: RestorePlan = { vault, backup, configuration, packs, wanted }
  for await (const part of packs) {
    signal.throwIfAborted()
    for (const { digest } of readPack(await readPart(vault, part), partPath(part.name)))
      if (wanted.has(digest)) found += 1
    done += part.bytes
    onProgress({ kind: "advance", step: STEP, done })
  }
  if (found < wanted.size) {
    throw new BackupError(
      "damaged",
      `Backup ${backup.number} lacks ${wanted.size - found} objects: nothing was restored`,
    )
  }
  onProgress({ kind: "end", step: STEP, note: "whole" })
  return plan
}

/** Every object of the plan, children before what names them. */
export async function* objectsOf(
  plan: RestorePlan,
  onBytes: (bytes: number) => void,
): AsyncGenerator<ObjectRecord> {
  for (const part of plan.packs) {
    for (const { kind, digest, content } of readPack(await readPart(plan.vault, part), partPath(part.name))) {
      if (plan.wanted.has(digest)) yield { kind, digest, content }
    }
    onBytes(part.bytes)
  }
}
