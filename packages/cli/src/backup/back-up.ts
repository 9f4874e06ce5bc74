import type { OnProgress } from "@skerry/model"
import type { ObjectRecord, VersionRow } from "@skerry/rpc"
import { appendManifest, type Chain } from "./chain.ts"
import type { ConfigurationFiles } from "./configuration-files.ts"
import { BackupError } from "./errors.ts"
import { readIndex, writeIndex } from "./index-parts.ts"
import { type DescribeNode, listText } from "./list-text.ts"
import type { BackedUpTree, Backup, Part } from "./manifest.ts"
import { objectDigest } from "./pack.ts"
import { PackWriter } from "./pack-writer.ts"
import type { StateSource } from "./state-access.ts"
import { adoptUnlisted } from "./unlisted.ts"
import { checkPartsThere, type Vault, writePart } from "./vault.ts"

export interface BackupOptions {
  readonly vault: Vault
  readonly configuration: ConfigurationFiles
  readonly about: Pick<Backup, "skerry" | "configuration" | "images">
  readonly source: StateSource
  readonly describe: DescribeNode
  /** Names of trees; each is kept whole. */
  readonly trees: readonly string[]
  readonly versions: "all" | "last"
  readonly now: number
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
}

export interface BackupReport {
  readonly backup: Backup
  readonly chain: Chain
  /** What was written for it. */
  readonly newBytes: number
  /** What an earlier attempt, that was cut, had written already. */
  readonly reusedBytes: number
  readonly newObjects: number
}

const STEP = "backup"
/** Versions that the store is told are there already: the nearest say nearly everything. */
const MOST_KNOWN = 4

/**
 * Writes what the backup does not have yet, and last of all the manifest: cut before that, nothing is listed, and the next
 * attempt uses what is there. Throws BackupError.
 */
export async function backUp(options: BackupOptions): Promise<BackupReport> {
  const { vault, configuration, about, now, onProgress } = options
  await checkPartsThere(vault)
  onProgress({ kind: "begin", step: STEP, label: "Backing up", unit: "bytes" })
  const present = await readIndex(vault)
  const { parts: reused, digests } = await adoptUnlisted(vault, present)
  await using packs = new PackWriter(vault, present)
  const trees = await backUpTrees(options, packs)
  const written = await packs.finish()
  // Chunks before the nodes that name them, as a restore reads them.
  const packed = order([...reused.map((part, at) => ({ part, digests: digests[at] ?? [] })), ...written])
  const added: Part[] = packed.map(({ part }) => part)
  added.push(
    ...(await writeIndex(
      vault,
      packed.flatMap((each) => each.digests),
    )),
  )
  const last = vault.chain.backups.at(-1)
  let files = last?.filesDigest === configuration.digest ? last.files : undefined
  if (files === undefined) {
    const part = await writePart(vault, "files", configuration.tar, 0)
    added.push(part)
    files = part.name
  }
  const number = (last?.number ?? 0) + 1
  const backup: Backup = { ...about, number, time: now, files, filesDigest: configuration.digest, trees }
  options.signal.throwIfAborted()
  const chain = await appendManifest(vault.place, vault.key, vault.chain, {
    isWhole: false,
    parts: added,
    backups: [backup],
  })
  const reusedBytes = reused.reduce((sum, { bytes }) => sum + bytes, 0)
  const newBytes = added.reduce((sum, { bytes }) => sum + bytes, 0) - reusedBytes
  onProgress({ kind: "end", step: STEP, note: `backup ${number}` })
  return { backup, chain, newBytes, reusedBytes, newObjects: packs.objects }
}

async function backUpTrees(options: BackupOptions, packs: PackWriter): Promise<BackedUpTree[]> {
  const { vault, source, versions, signal } = options
  const there = new Set(
    vault.chain.backups.flatMap(({ trees }) =>
      trees.flatMap((tree) => tree.versions.map(({ digest }) => digest)),
    ),
  )
  const jobs: { readonly tree: string; readonly wanted: readonly VersionRow[] }[] = []
  for (const tree of options.trees) {
    signal.throwIfAborted()
    await source.snapshot(tree)
    const all = await source.versions(tree)
    jobs.push({ tree, wanted: versions === "last" ? all.slice(-1) : all })
  }
  const progress = new Meter(
    options.onProgress,
    jobs.flatMap(({ wanted }) => wanted).filter(({ digest }) => !there.has(digest)),
  )
  for (const { tree, wanted } of jobs) {
    const known: string[] = wanted.filter(({ digest }) => there.has(digest)).map(({ digest }) => digest)
    for (const row of wanted) {
      if (there.has(row.digest)) continue
      for await (const object of source.objects(tree, row, known.slice(-MOST_KNOWN))) {
        signal.throwIfAborted()
        await take(options, packs, object)
        progress.advance(object.content.length)
      }
      there.add(row.digest)
      known.push(row.digest)
    }
  }
  return jobs.map(({ tree, wanted }) => ({ tree, versions: wanted }))
}

async function take({ describe }: BackupOptions, packs: PackWriter, object: ObjectRecord): Promise<void> {
  const { kind, digest, content } = object
  if (packs.has(digest)) return
  if (!objectDigest(kind, content).equals(digest)) {
    throw new BackupError(
      "damaged",
      `The state store gave out a ${kind} that is not what its digest says: "skerry state verify" tells what is damaged`,
    )
  }
  await packs.add(kind, digest, content, kind === "node" ? listText(describe(content)) : undefined)
}

const order = <T extends { readonly part: Part }>(packed: readonly T[]): T[] => [
  ...packed.filter(({ part }) => part.kind === "chunks"),
  ...packed.filter(({ part }) => part.kind === "nodes"),
]

/** What versions hold is known before; how much of it is new is not, so the total is the most that can come. */
class Meter {
  readonly #onProgress: OnProgress
  readonly #total: number
  #done = 0

  constructor(onProgress: OnProgress, rows: readonly VersionRow[]) {
    this.#onProgress = onProgress
    this.#total = rows.reduce((most, { bytes }) => Math.max(most, bytes), 0)
  }

  advance(bytes: number): void {
    this.#done += bytes
    this.#onProgress({
      kind: "advance",
      step: STEP,
      done: this.#done,
      total: Math.max(this.#total, this.#done),
    })
  }
}
