import type { NodeKind, TreeNode } from "../../file-tree.ts"
import { StoreError } from "../object-store.ts"
import type { Entries } from "./directory-trie.ts"
import type { Entry } from "./entry.ts"
import type { ExtendedAttributes } from "./extended-attributes.ts"
import type { FileContent } from "./file-content.ts"
import { NO_TOTALS } from "./totals.ts"

/**
 * Where a node in memory hangs. The working tree's own, to know what a change touches and what to write into the journal;
 * nothing on disk and nothing in FileTree leads upwards.
 */
export interface Place {
  readonly directory: WorkNode
  readonly name: string
}

/** The entries of a directory that is in memory: what was kept, and what differs. */
export interface WorkDirectory {
  kept: Entries
  /** Those in memory: held, changed, or on the way to such. */
  readonly children: Map<string, WorkNode>
  /** Since it was kept; undefined: removed. What is changed below a directory changes its entry too. */
  readonly changed: Map<string, WorkNode | undefined>
  count: number
}

/** A node in memory. Who asks twice for one gets the same, so that its state is in one place. */
export class WorkNode implements TreeNode {
  readonly kind: NodeKind
  readonly id: bigint
  mode: number
  accessTime: bigint
  modifyTime: bigint
  changeTime: bigint
  readonly target: string
  /** Of a file. */
  file: FileContent | undefined
  /** Of a directory. */
  directory: WorkDirectory | undefined
  attributes: Entry["attributes"] | ExtendedAttributes
  /** How often clients hold it. */
  holds = 0
  /** Undefined: the root, or it was removed. */
  place: Place | undefined
  /** What a client holds of a present that a rollback took away. */
  isStale = false
  /** The last life of the journal that has told where it is. */
  toldIn = 0

  constructor(entry: Entry, file: FileContent | undefined, entries: Entries) {
    this.kind = entry.kind
    this.id = entry.id
    this.mode = entry.mode
    this.accessTime = entry.accessTime
    this.modifyTime = entry.modifyTime
    this.changeTime = entry.changeTime
    this.target = entry.target
    this.attributes = entry.attributes
    this.file = file
    if (entry.kind === "directory") this.directory = workDirectory(entries)
  }

  /** Another version's content, of the same node. */
  become(entry: Entry, file: FileContent | undefined, entries: Entries): void {
    this.mode = entry.mode
    this.accessTime = entry.accessTime
    this.modifyTime = entry.modifyTime
    this.changeTime = entry.changeTime
    this.attributes = entry.attributes
    this.file = file
    if (entry.kind === "directory") this.directory = workDirectory(entries)
  }

  /** It was removed: of a directory, what was kept in it is gone already. */
  empty(): void {
    if (this.directory !== undefined) this.directory = workDirectory(undefined)
  }

  /** Nobody but its directory knows it. */
  get isIdle(): boolean {
    return this.holds === 0 && (this.directory === undefined || this.directory.children.size === 0)
  }
}

function workDirectory(kept: Entries): WorkDirectory {
  return { kept, children: new Map(), changed: new Map(), count: kept?.totals.entries ?? 0 }
}

export interface NewNode {
  readonly kind: NodeKind
  readonly id: bigint
  readonly mode: number
  readonly time: bigint
  readonly target: string
}

export const newEntry = ({ kind, id, mode, time, target }: NewNode): Entry => ({
  name: "",
  kind,
  id,
  mode,
  accessTime: time,
  modifyTime: time,
  changeTime: time,
  size: 0,
  chunks: 0,
  content: undefined,
  below: NO_TOTALS,
  target,
  attributes: undefined,
})

export function entriesIn(node: WorkNode) {
  if (node.directory === undefined)
    throw new StoreError("damaged", "A change is in the entries of no directory")
  return node.directory
}

/** True where `node` is `directory` or lies below it. Both are in memory, and all that leads to them. */
export function isWithin(node: WorkNode, directory: WorkNode): boolean {
  for (let each: WorkNode | undefined = node; each !== undefined; each = each.place?.directory) {
    if (each === directory) return true
  }
  return false
}

/** True where somebody holds something below it. */
export function isHeldBelow(directory: WorkNode): boolean {
  const pending = [directory]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const child of node.directory?.children.values() ?? []) {
      if (child.holds > 0) return true
      pending.push(child)
    }
  }
  return false
}

/** Directories above it. */
export function depthOf(node: WorkNode): number {
  let depth = 0
  for (let each = node; each.place !== undefined; each = each.place.directory) depth += 1
  return depth
}
