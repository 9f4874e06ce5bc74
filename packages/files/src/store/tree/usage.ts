import type { Digest } from "@skerry/model"
import type { UsageRow } from "@skerry/rpc"
import { Met, NewObjects } from "./new-objects.ts"
import type { StateStore } from "./state-store.ts"
import type { VersionRoot } from "./stored-tree.ts"

/** Nodes remembered while one version is measured. */
const MET_NODES = 100_000

/**
 * The last of these first, then each of the others: what only it has, beside the one before and the one after it. Undefined: an
 * object was counted.
 */
export function* usageRows(
  store: StateStore,
  all: readonly VersionRoot[],
): Generator<UsageRow | undefined, void, undefined> {
  for (const index of [all.length - 1, ...all.keys()].slice(0, all.length)) {
    const own = all[index]
    if (own === undefined) continue
    const beside = [all[index - 1]?.root, all[index + 1]?.root].flatMap((root) => root ?? [])
    const { bytes, files } = store.nodes.root(own.root).below
    const ownBytes = yield* bytesOf(store, own.root, beside)
    yield { version: own.version, files, bytes, ownBytes }
  }
}

function* bytesOf(
  { nodes, objects }: StateStore,
  root: Digest,
  beside: readonly Digest[],
): Generator<undefined, number, undefined> {
  let bytes = 0
  const found = new NewObjects(nodes, new Met(MET_NODES), new Met(MET_NODES))
  for (const { digest, kind } of found.of(root, beside)) {
    bytes += objects.storedBytes(kind, digest)
    yield
  }
  return bytes
}
