import { readdir, readFile, rename, rm, rmdir } from "node:fs/promises"
import type { OnProgress } from "@skerry/model"
import { writeConfiguration } from "./configuration-files.ts"
import { BackupError } from "./errors.ts"
import type { BackedUpTree, Backup } from "./manifest.ts"
import { objectsOf, type RestorePlan } from "./restore-plan.ts"
import type { StateSink } from "./state-access.ts"

export interface RestoreOptions {
  readonly plan: RestorePlan
  /** Where the configuration goes: nothing may be there. */
  readonly configuration: string
  /** Names a restore that is under way; lies in the state. */
  readonly markerPath: string
  readonly sink: StateSink
  readonly writeDurably: (path: string, content: string) => Promise<void>
  /**
   * Looks at the configuration before it is taken up, and builds its images. Whatever it throws leaves nothing of the
   * restore behind.
   */
  readonly examine: (directory: string) => Promise<void>
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
}

/** Which restore this is, so that one that was killed is taken up again. */
interface Marker {
  readonly backupId: string
  readonly number: number
}

const STEP = "restore"

/**
 * Puts configuration and state in their empty places: the state first, the configuration last and at once. What fails
 * leaves nothing; what is killed goes on when it is run again. Throws BackupError.
 */
export async function restore(options: RestoreOptions): Promise<void> {
  const { plan, configuration, markerPath } = options
  const marker: Marker = { backupId: plan.vault.id, number: plan.backup.number }
  const isResumed = await checkEmpty(options, plan.vault.id, plan.backup)
  const staging = `${configuration}.restoring`
  // A restore that was killed may have come as far as this.
  await rm(staging, { recursive: true, force: true })
  await options.writeDurably(markerPath, `${JSON.stringify(marker)}\n`)
  try {
    await writeConfiguration(staging, plan.configuration)
    await options.examine(staging)
    await restoreState(options, isResumed)
    options.signal.throwIfAborted()
    await rmdir(configuration).catch(ignoreMissing)
    await rename(staging, configuration)
  } catch (error) {
    // What cannot be undone now (the daemon is gone, say), the next attempt finds by the marker.
    await undo(options, staging).catch(() => {})
    throw error
  }
  await rm(markerPath, { force: true })
}

async function undo({ plan, sink, markerPath }: RestoreOptions, staging: string): Promise<void> {
  await rm(staging, { recursive: true, force: true })
  for (const { tree } of plan.backup.trees) if (await hasTree(sink, tree)) await sink.removeTree(tree)
  await rm(markerPath, { force: true })
}

/** True: this very restore began before, and was killed. Throws BackupError "not-empty". */
export async function checkEmpty(
  { configuration, markerPath, sink }: Pick<RestoreOptions, "configuration" | "markerPath" | "sink">,
  backupId: string,
  { number, trees: wanted }: Backup,
): Promise<boolean> {
  const found = await readMarker(markerPath)
  const present = await namesIn(configuration)
  if (present.length > 0) {
    throw new BackupError(
      "not-empty",
      `${configuration} has a configuration already, which a restore would mix with: move it away, or set SKERRY_HOME to an empty directory`,
    )
  }
  if (found !== undefined) {
    if (found.backupId === backupId && found.number === number) return true
    throw new BackupError(
      "not-empty",
      `A restore of backup ${found.number} was cut here: run it again with --from ${found.number}, or remove its trees ("skerry state") and ${markerPath}`,
    )
  }
  const trees = (await sink.trees()).map(({ tree }) => tree)
  if (trees.length > 0 && wanted.length > 0) {
    throw new BackupError(
      "not-empty",
      `The state store has trees already (${trees.slice(0, 5).join(", ")}), which a restore would mix with: set SKERRY_HOME to an empty directory`,
    )
  }
  return false
}

async function restoreState(
  { plan, sink, onProgress, signal }: RestoreOptions,
  isResumed: boolean,
): Promise<void> {
  const { trees } = plan.backup
  const missing: BackedUpTree[] = []
  for (const tree of trees) {
    if (isResumed && (await hasTree(sink, tree.tree))) {
      if (await isRestored(sink, tree)) continue
      await sink.removeTree(tree.tree)
    }
    missing.push(tree)
  }
  if (missing.length === 0) return
  const total = plan.packs.reduce((sum, { bytes }) => sum + bytes, 0)
  onProgress({ kind: "begin", step: STEP, label: "Restoring state", unit: "bytes", total })
  let done = 0
  await sink.put(
    objectsOf(plan, (bytes) => {
      signal.throwIfAborted()
      done += bytes
      onProgress({ kind: "advance", step: STEP, done })
    }),
  )
  for (const tree of missing) {
    signal.throwIfAborted()
    if (tree.versions.length > 0) await sink.adopt(tree.tree, tree.versions)
    if (await isRestored(sink, tree)) continue
    throw new BackupError(
      "differs",
      `The tree ${tree.tree} did not come out as it was backed up: nothing was restored`,
    )
  }
  onProgress({ kind: "end", step: STEP, note: `${trees.length} trees, digests equal` })
}

const hasTree = async (sink: StateSink, tree: string) => (await sink.trees()).some((row) => row.tree === tree)

/** Whether a tree has the versions that were backed up, by their digests. */
async function isRestored(sink: StateSink, { tree, versions }: BackedUpTree): Promise<boolean> {
  if (versions.length === 0) return true
  const found = await sink.versions(tree)
  return found.length === versions.length && found.every(({ digest }, at) => digest === versions[at]?.digest)
}

async function readMarker(path: string): Promise<Marker | undefined> {
  const text = await readFile(path, "utf8").catch(ignoreMissing)
  if (text === undefined) return undefined
  const [, backupId, number] =
    /^\{"backupId":"([0-9a-f]{32})","number":([1-9][0-9]{0,8})\}\n$/.exec(text) ?? []
  if (backupId === undefined) return undefined
  return { backupId, number: Number(number) }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(ignoreMissing)) ?? []
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
  throw error
}
