import type { Digest } from "@skerry/model"
import type { UsageRow } from "@skerry/rpc"
import { Met, NewObjects } from "./new-objects.ts"
import type { StateStore } from "./state-store.ts"
import type { StoredTree } from "./stored-tree.ts"
import { digestOfRow } from "./version-log.ts"

/** Nodes remembered while one version is measured. */
const MET_NODES = 100_000

/** The present first, then each version: what only it has, beside the one before and the one after it. */
export function* usageRows(store: StateStore, tree: StoredTree): Generator<UsageRow, void, undefined> {
  const present = { version: 0, root: tree.state.work.keep() }
  const all = [
    ...tree.versions.rows.map((row) => ({ version: row.version, root: digestOfRow(row) })),
    present,
  ]
  for (const index of [all.length - 1, ...all.keys()].slice(0, all.length)) {
    const own = all[index]
    if (own === undefined) continue
    const beside = [all[index - 1]?.root, all[index + 1]?.root].flatMap((root) => root ?? [])
    const { bytes, files } = store.nodes.root(own.root).below
    yield { version: own.version, files, bytes, ownBytes: ownBytes(store, own.root, beside) }
  }
}

function ownBytes({ nodes, objects }: StateStore, root: Digest, beside: readonly Digest[]): number {
  let bytes = 0
  const found = new NewObjects(nodes, new Met(MET_NODES), new Met(MET_NODES))
  for (const { digest, kind } of found.of(root, beside)) bytes += objects.storedBytes(kind, digest)
  return bytes
}
