import type { Digest } from "@skerry/model"
import type { FileTree } from "../../file-tree.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { decodeTree, type TreeRecord } from "./records.ts"
import { StateTree } from "./state-tree.ts"
import type { TreeHost } from "./tree-host.ts"
import { digestOfRow, VersionLog } from "./version-log.ts"
import { newEntry } from "./work-node.ts"
import { ROOT_ID, WorkTree } from "./work-tree.ts"

/** One tree of an open store. */
export interface StoredTree {
  readonly name: string
  readonly state: StateTree
  /** As a server has it. */
  readonly files: FileTree
  readonly versions: VersionLog
  /** The number of the newest version that there ever was. */
  readonly lastVersion: { number: number }
}

/** A version by its number; 0: the present, as it is now. */
export interface VersionRoot {
  readonly version: number
  readonly root: Digest
}

/** Versions, oldest first, and the present last. */
export const rootsOf = ({ state, versions }: StoredTree): readonly VersionRoot[] => [
  ...versions.rows.map((row) => ({ version: row.version, root: digestOfRow(row) })),
  { version: 0, root: state.work.keep() },
]

type Loaded = Omit<StoredTree, "files">

export function newTree(nodes: KeptNodes, name: string, host: TreeHost): Loaded {
  const root = newEntry({ kind: "directory", id: ROOT_ID, mode: 0o755, time: host.now(), target: "" })
  const work = new WorkTree(nodes, root, undefined, ROOT_ID + 1n)
  const state = new StateTree(name, work, host, { bytes: 0, files: 0 })
  return { name, state, versions: new VersionLog(nodes.objects, name), lastVersion: { number: 0 } }
}

/** Throws StoreError. */
export function loadTree(nodes: KeptNodes, name: string, host: TreeHost, encoded: Uint8Array): Loaded {
  const { lastVersion, nextId, orphans, quota, root } = decodeTree(encoded)
  const work = new WorkTree(nodes, nodes.root(root), root, nextId)
  for (const orphan of orphans) work.adoptOrphan(orphan)
  const state = new StateTree(name, work, host, quota)
  return { name, state, versions: new VersionLog(nodes.objects, name), lastVersion: { number: lastVersion } }
}

/** What is kept of it, with the present or another root. */
export function recordOf({ lastVersion, state }: StoredTree, root?: Digest): TreeRecord {
  const { work } = state
  return {
    root: root ?? work.keep(),
    nextId: work.nextId,
    lastVersion: lastVersion.number,
    quota: state.quota,
    orphans: [...work.orphans.values()].map((orphan) => work.entryOf(orphan, "")),
  }
}
