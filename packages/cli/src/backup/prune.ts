import type { OnProgress } from "@skerry/model"
import { appendManifest, type Chain, manifestPath } from "./chain.ts"
import { DigestSet } from "./digest-set.ts"
import { type PlacedPack, placedPacks, writeIndex } from "./index-parts.ts"
import type { Backup, Part } from "./manifest.ts"
import { readPack } from "./pack.ts"
import { PackWriter } from "./pack-writer.ts"
import { reachable, readNodes, rootsOf } from "./reach.ts"
import { checkPartsThere, partPath, readPart, type Vault } from "./vault.ts"

export interface PruneOptions {
  readonly vault: Vault
  readonly isKept: (backup: Backup) => boolean
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
}

export interface PruneReport {
  readonly chain: Chain
  readonly removed: readonly number[]
  readonly freedBytes: number
}

const STEP = "prune"
/** A pack of which less than this is needed is written anew; of others the rest is carried along. */
const LEAST_LIVE = 0.5

/**
 * Forgets backups, and what only they needed. A manifest that begins anew comes before anything is removed: cut at any
 * moment, either all backups are there or those that are kept. Throws BackupError.
 */
export async function pruneBackups(options: PruneOptions): Promise<PruneReport> {
  const { vault, isKept, onProgress, signal } = options
  await checkPartsThere(vault)
  const { place, key, chain } = vault
  const backups = chain.backups.filter(isKept)
  const removed = chain.backups.filter((backup) => !isKept(backup)).map(({ number }) => number)
  if (removed.length === 0) return { chain, removed, freedBytes: 0 }
  onProgress({ kind: "begin", step: STEP, label: "Pruning", unit: "bytes" })
  const packs = await placedPacks(vault)
  const live = reachable(await readNodes(vault), rootsOf(backups))
  const { kept, thinned } = sort(packs, live)
  await using writer = new PackWriter(vault, new DigestSet())
  for (const { part } of thinned) {
    signal.throwIfAborted()
    for (const { kind, digest, content, list } of readPack(
      await readPart(vault, part),
      partPath(part.name),
    )) {
      if (live.has(digest) && !writer.has(digest)) await writer.add(kind, digest, content, list)
    }
  }
  const packed = order([...kept, ...(await writer.finish())])
  const index = await writeIndex(
    vault,
    packed.flatMap(({ digests }) => digests),
  )
  const files = chain.parts.filter(
    ({ kind, name }) => kind === "files" && backups.some((backup) => backup.files === name),
  )
  const parts = [...packed.map(({ part }) => part), ...index, ...files]
  signal.throwIfAborted()
  const next = await appendManifest(place, key, chain, { isWhole: true, parts, backups })
  await removeOld(vault, next)
  const bytes = (some: readonly Part[]) => some.reduce((sum, part) => sum + part.bytes, 0)
  onProgress({ kind: "end", step: STEP, note: `${removed.length} backups removed` })
  return { chain: next, removed, freedBytes: bytes(chain.parts) - bytes(parts) }
}

function sort(packs: readonly PlacedPack[], live: DigestSet) {
  const kept: PlacedPack[] = []
  const thinned: PlacedPack[] = []
  for (const pack of packs) {
    const needed = pack.digests.filter((digest) => live.has(digest)).length
    if (needed === 0) continue
    if (needed >= pack.digests.length * LEAST_LIVE) kept.push(pack)
    else thinned.push(pack)
  }
  return { kept, thinned }
}

const order = (packs: readonly PlacedPack[]): PlacedPack[] => [
  ...packs.filter(({ part }) => part.kind === "chunks"),
  ...packs.filter(({ part }) => part.kind === "nodes"),
]

/** Manifests first, oldest first: parts without a manifest are harmless, a manifest without its parts is not. */
async function removeOld({ place }: Vault, chain: Chain): Promise<void> {
  const current = manifestPath(chain.sequence)
  for (const name of [...(await place.list("manifests")).keys()].sort()) {
    if (`manifests/${name}` < current) await place.remove(`manifests/${name}`)
  }
  const listed = new Set(chain.parts.map(({ name }) => name))
  for (const name of (await place.list("parts")).keys()) {
    if (!listed.has(name)) await place.remove(partPath(name))
  }
}
