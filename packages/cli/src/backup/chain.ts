import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import { type Backup, type Manifest, manifestText, type Part, parseManifest } from "./manifest.ts"
import type { BackupPlace } from "./place.ts"
import { macOf, seal, unseal } from "./seal.ts"

/*
 * The manifests of a backup, one after the other: each names the one before by its MAC. What they say together is what
 * there is; anything missing, replaced or out of order breaks the chain.
 */

export interface Chain {
  /** The newest manifest that counts; sequence 0: there is none. */
  readonly sequence: number
  readonly mac: string | undefined
  /** MAC by sequence, of the manifests that are there. */
  readonly macs: ReadonlyMap<number, string>
  readonly parts: readonly Part[]
  readonly backups: readonly Backup[]
  /** Where and how it breaks; undefined: it is whole. What counts is what came before. */
  readonly broken: string | undefined
}

export const manifestPath = (sequence: number): string => `manifests/${String(sequence).padStart(8, "0")}`

/** Throws BackupError only where nothing can be read at all, or the format is too new. */
export async function readChain(place: BackupPlace, key: Uint8Array): Promise<Chain> {
  const there = [...(await place.list("manifests")).keys()].filter((name) => /^[0-9]{8}$/.test(name))
  const sequences = there.map(Number).sort((a, b) => a - b)
  let chain: Chain = { ...EMPTY }
  const macs = new Map<number, string>()
  for (const sequence of sequences) {
    const read = await readManifest(place, key, sequence).catch((error: unknown) => {
      if (error instanceof BackupError && error.code !== "too-new" && error.code !== "io") return error
      throw error
    })
    const broken = read instanceof BackupError ? read.message : whyBroken(read.manifest, sequence, chain)
    if (broken !== undefined || read instanceof BackupError) {
      chain = { ...chain, broken: chain.broken ?? broken }
      continue
    }
    const { manifest, mac } = read
    macs.set(sequence, mac)
    const before = manifest.isWhole ? EMPTY : chain
    chain = {
      sequence,
      mac,
      macs,
      parts: [...before.parts, ...manifest.parts],
      backups: [...before.backups, ...manifest.backups],
      // A whole one needs nothing from before: what a prune had not removed yet may break as it likes.
      broken: undefined,
    }
  }
  return chain
}

/** Of a backup that was just begun. */
export const EMPTY: Chain = {
  sequence: 0,
  mac: undefined,
  macs: new Map(),
  parts: [],
  backups: [],
  broken: undefined,
}

function whyBroken(manifest: Manifest, sequence: number, before: Chain): string | undefined {
  const here = manifestPath(sequence)
  if (manifest.sequence !== sequence)
    return `${here} is number ${manifest.sequence}: it was moved or replaced`
  if (manifest.isWhole) return undefined
  if (before.broken !== undefined) return before.broken
  if (sequence !== before.sequence + 1) return `${manifestPath(sequence - 1)} is missing`
  if (manifest.previous !== before.mac) {
    return `${here} does not continue the one before: one of the two is of another point in time`
  }
  return undefined
}

async function readManifest(place: BackupPlace, key: Uint8Array, sequence: number) {
  const path = manifestPath(sequence)
  const sealed = await place.read(path, BACKUP_LIMITS.sealedBytes)
  if (sealed === undefined) throw new BackupError("damaged", `${path} is missing`)
  const plain = await unseal(key, "manifest", sealed, path)
  return { manifest: parseManifest(plain.toString("latin1"), path), mac: macOf(sealed) }
}

/** Writes the manifest that follows; nothing of what it names is listed before this resolves. */
export async function appendManifest(
  place: BackupPlace,
  key: Uint8Array,
  chain: Chain,
  added: Pick<Manifest, "isWhole" | "parts" | "backups">,
): Promise<Chain> {
  const sequence = chain.sequence + 1
  const isWhole = added.isWhole || chain.sequence === 0
  const text = manifestText({ sequence, previous: chain.mac, ...added, isWhole })
  if (text.length > BACKUP_LIMITS.plainBytes) {
    throw new BackupError(
      "too-large",
      "The list of all versions is too long: prune versions of the state first",
    )
  }
  const sealed = await seal(key, "manifest", Buffer.from(text, "latin1"))
  await place.write(manifestPath(sequence), sealed)
  const mac = macOf(sealed)
  const before = isWhole ? EMPTY : chain
  return {
    sequence,
    mac,
    macs: new Map([...chain.macs, [sequence, mac]]),
    parts: [...before.parts, ...added.parts],
    backups: [...before.backups, ...added.backups],
    broken: undefined,
  }
}
