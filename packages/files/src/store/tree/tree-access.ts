import { type EntryName, FileError, type NodeKind, TREE_LIMITS, type TreeNode } from "../../file-tree.ts"
import { isDeeper } from "./directory-depth.ts"
import { STATE_TREE } from "./limits.ts"
import type { Quota, TreeHost } from "./tree-host.ts"
import { TurnLog } from "./turn-log.ts"
import { depthOf, isWithin, type WorkNode } from "./work-node.ts"
import type { WorkTree } from "./work-tree.ts"

/** Bytes of an entry, about: what making one asks of the disk. */
export const BLOCK_BYTES = 4096

/** As the journal has times. */
export const u64 = (time: bigint) => BigInt.asUintN(64, time)

/** What the operations of a tree are made of: looking up, checking, and changing one thing with its line in the journal. */
export class TreeAccess {
  readonly name: string
  readonly work: WorkTree
  readonly log: TurnLog
  readonly host: TreeHost
  quota: Quota

  constructor(name: string, work: WorkTree, host: TreeHost, quota: Quota) {
    this.name = name
    this.work = work
    this.log = new TurnLog(host.life)
    this.host = host
    this.quota = quota
  }

  append(isMore: boolean): void {
    this.host.append(this.name, this.log.encoded, isMore)
    this.log.clear()
  }

  /**
   * For the change that is made now. What the turn has done so far is written ahead where it is long: a record of the
   * journal has its bound.
   */
  timeOfChange(): bigint {
    if (this.log.bytes > STATE_TREE.turnBytes) this.append(true)
    return this.host.now()
  }

  live(node: TreeNode): WorkNode {
    const work = node as WorkNode
    if (work.isStale) throw new FileError("ESTALE")
    return work
  }

  /** One that entries can be in: not removed. */
  directory(node: TreeNode): WorkNode {
    const work = this.live(node)
    if (work.directory === undefined) throw new FileError("ENOTDIR")
    if (this.isRemoved(work)) throw new FileError("ENOENT")
    return work
  }

  isRemoved = (node: WorkNode) => node.place === undefined && node !== this.work.root

  entry(directory: WorkNode, name: string): WorkNode {
    const node = this.work.find(directory, name)
    if (node === undefined) throw new FileError("ENOENT")
    const isNew = node.isIdle && this.work.loaded > STATE_TREE.nodes
    if (!isNew && !(node.directory && node.isIdle && depthOf(node) > STATE_TREE.depth)) return node
    this.work.letGo(node)
    throw new FileError(isNew ? "EMFILE" : "ENAMETOOLONG")
  }

  byNames(names: readonly string[]): WorkNode | undefined {
    let node = this.live(this.work.root)
    for (const name of names) {
      const next = node.directory && this.work.find(node, name)
      if (next === undefined) {
        this.work.letGo(node)
        return undefined
      }
      node = next
    }
    return node
  }

  content(node: WorkNode) {
    const { file } = this.live(node)
    if (file === undefined) throw new FileError(node.kind === "directory" ? "EISDIR" : "EINVAL")
    return file
  }

  makeNew(parent: WorkNode, name: EntryName, kind: NodeKind, mode: number, target: string): TreeNode {
    const known = this.work.find(parent, name)
    if (known === undefined) return this.make(parent, name, kind, mode, target)
    this.work.letGo(known)
    throw new FileError("EEXIST")
  }

  /** Held once. */
  make(parent: WorkNode, name: EntryName, kind: NodeKind, permissions: number, target: string): WorkNode {
    if (this.work.loaded > STATE_TREE.nodes) throw new FileError("EMFILE")
    if (this.quota.files !== 0 && this.work.files >= this.quota.files) throw new FileError("ENOSPC")
    this.expectRoom(BLOCK_BYTES, 0)
    const id = this.work.nextId
    const mode = permissions & 0o7777
    const time = this.timeOfChange()
    const op = { kind: "create", directory: parent.id, name, nodeKind: kind, id, mode, target } as const
    this.log.add({ ...op, time: u64(time) }, parent)
    const node = this.work.create(parent, name, { kind, id, mode, time, target })
    this.log.knows(node)
    node.holds = 1
    return node
  }

  checkMove(node: WorkNode, target: WorkNode, replaced: WorkNode | undefined): void {
    if (node.directory !== undefined) {
      if (isWithin(target, node)) throw new FileError("EINVAL")
      if (replaced !== undefined && replaced.directory === undefined) throw new FileError("ENOTDIR")
      if (this.#isTooDeep(node, STATE_TREE.depth - depthOf(target) - 1)) throw new FileError("ENAMETOOLONG")
    } else if (replaced?.directory !== undefined) throw new FileError("EISDIR")
    if (replaced?.directory !== undefined && replaced.directory.count > 0) throw new FileError("ENOTEMPTY")
  }

  /** Whether a directory that moves has more below it than so many directories within each other. */
  #isTooDeep(node: WorkNode, most: number): boolean {
    if (most < 0) return true
    if (this.work.files <= most || STATE_TREE.depth - depthOf(node) <= most) return false
    this.work.keep()
    return isDeeper(this.work.nodes, node.directory?.kept, most)
  }

  resize(node: WorkNode, size: number, time: bigint): void {
    if (node.file === undefined) throw new FileError(node.kind === "directory" ? "EISDIR" : "EINVAL")
    if (size < 0) throw new FileError("EINVAL")
    if (size > TREE_LIMITS.fileBytes) throw new FileError("EFBIG")
    this.expectRoom(0, Math.max(0, size - node.file.size))
    // What of it is damaged fails before the journal knows: it would fail there again, and the store would not open.
    this.work.resize(node, size, time)
    this.log.add({ kind: "resize", id: node.id, size: BigInt(size), time: u64(time) }, node)
  }

  changeAttribute(node: WorkNode, name: string, value: Uint8Array | undefined): void {
    const time = this.timeOfChange()
    this.log.add({ kind: "extended", id: node.id, name, value, time: u64(time) }, node)
    this.work.setAttribute(node, name, value, time)
  }

  /** `stored`: bytes that may have to be kept; `growth`: of the files' sizes. */
  expectRoom(stored: number, growth: number): void {
    const bytes = this.work.bytes + growth
    if (growth > 0 && bytes > (this.quota.bytes || Number.MAX_SAFE_INTEGER)) throw new FileError("ENOSPC")
    if (stored > 0) this.host.expectRoom(stored)
  }
}
