import {
  type AttributeChanges,
  type Attributes,
  type EntryName,
  type EntrySink,
  FileError,
  type FileTree,
  type OpenMode,
  type OpenNode,
  TREE_LIMITS,
  type TreeNode,
  type TreeSpace,
} from "../../file-tree.ts"
import { attributeOf, dropAttribute, putAttribute } from "./memory-attributes.ts"
import {
  contentOf,
  entriesOf,
  expectEmpty,
  expectLinked,
  find,
  isWithin,
  linksOf,
  own,
  timeOf,
} from "./memory-checks.ts"
import type { MemoryContent } from "./memory-content.ts"
import { emptyDirectory, emptyFile, type MemoryBody, MemoryNode } from "./memory-node.ts"

export interface MemoryTreeOptions {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** Bytes of all files together. */
  readonly mostBytes: number
  readonly uid: number
  readonly gid: number
}

interface MemoryOpen extends OpenNode {
  readonly node: MemoryNode
  readonly mode: OpenMode
}

const BLOCK_BYTES = 4096
const MOST_NODES = 1_000_000

/** A tree that is gone with its process: for tests, and the plainest thing that passes the conformance suite. */
export class MemoryTree implements FileTree {
  readonly #options: MemoryTreeOptions
  readonly #root: MemoryNode
  /** Nodes that have a name or are held. */
  readonly #nodes = new Map<bigint, MemoryNode>()
  #nextId = 1n
  #usedBytes = 0
  #holds = 0

  constructor(options: MemoryTreeOptions) {
    this.#options = options
    this.#root = this.#make(emptyDirectory(), 0o755)
  }

  /** Holds that were not released, of all nodes. */
  get holds(): number {
    return this.#holds
  }

  root(): TreeNode {
    return this.hold(this.#root)
  }

  walk(directory: TreeNode, name: EntryName): TreeNode {
    return this.hold(find(entriesOf(directory), name))
  }

  reclaim(id: bigint, names: readonly EntryName[]): TreeNode {
    let named: MemoryNode | undefined = this.#root
    for (const name of names)
      named = named?.body.kind === "directory" ? named.body.entries.get(name) : undefined
    const node = named?.id === id ? named : this.#nodes.get(id)
    if (node === undefined) throw new FileError("ESTALE")
    return this.hold(node)
  }

  hold(node: TreeNode): TreeNode {
    own(node).holds += 1
    this.#holds += 1
    return node
  }

  release(node: TreeNode): void {
    const ours = own(node)
    ours.holds -= 1
    this.#holds -= 1
    this.#forgetIfGone(ours)
  }

  attributes(node: TreeNode): Attributes {
    const ours = own(node)
    const { kind, mode, size, storedBytes, accessTime, modifyTime, changeTime } = ours
    const { uid, gid } = this.#options
    const links = linksOf(ours)
    return { kind, mode, size, storedBytes, links, uid, gid, accessTime, modifyTime, changeTime }
  }

  setAttributes(node: TreeNode, changes: AttributeChanges): void {
    const ours = own(node)
    const { mode, uid, gid, size, accessTime, modifyTime } = changes
    if (uid !== undefined && uid !== this.#options.uid) throw new FileError("EPERM")
    if (gid !== undefined && gid !== this.#options.gid) throw new FileError("EPERM")
    const now = this.#options.now()
    if (size !== undefined) {
      this.#resize(contentOf(ours), size)
      ours.modified(now)
    }
    if (mode !== undefined) ours.mode = mode
    if (accessTime !== undefined) ours.accessTime = timeOf(accessTime, now)
    if (modifyTime !== undefined) ours.modifyTime = timeOf(modifyTime, now)
    ours.changed(now)
  }

  open(node: TreeNode, mode: OpenMode): OpenNode {
    const ours = own(node)
    if (ours.kind === "symlink") throw new FileError("ELOOP")
    if (ours.kind === "directory" && (mode.write || mode.truncate)) throw new FileError("EISDIR")
    if (mode.truncate) {
      this.#resize(contentOf(ours), 0)
      ours.modified(this.#options.now())
    }
    const open: MemoryOpen = { node: ours, mode }
    return open
  }

  create(directory: TreeNode, name: EntryName, mode: OpenMode, permissions: number): OpenNode {
    const present = entriesOf(directory).get(name)
    if (present !== undefined) {
      if (mode.exclusive) throw new FileError("EEXIST")
      const open = this.open(present, present.kind === "directory" ? { ...mode, write: true } : mode)
      this.hold(present)
      return open
    }
    const node = this.#add(directory, name, emptyFile(), permissions)
    const open: MemoryOpen = { node, mode }
    return open
  }

  makeDirectory(directory: TreeNode, name: EntryName, permissions: number): TreeNode {
    return this.#add(directory, name, emptyDirectory(), permissions)
  }

  makeSymlink(directory: TreeNode, name: EntryName, target: string): TreeNode {
    return this.#add(directory, name, { kind: "symlink", target }, 0o777)
  }

  readSymlink(node: TreeNode): string {
    const { body } = own(node)
    if (body.kind !== "symlink") throw new FileError("EINVAL")
    return body.target
  }

  rename(from: TreeNode, fromName: EntryName, to: TreeNode, toName: EntryName): void {
    const source = entriesOf(from)
    const target = entriesOf(to)
    const node = find(source, fromName)
    expectLinked(to)
    if (node.kind === "directory" && isWithin(own(to), node)) throw new FileError("EINVAL")
    const replaced = target.get(toName)
    if (replaced === node) return
    if (replaced !== undefined) {
      if (replaced.kind === "directory" && node.kind !== "directory") throw new FileError("EISDIR")
      if (replaced.kind !== "directory" && node.kind === "directory") throw new FileError("ENOTDIR")
      expectEmpty(replaced)
    }
    const now = this.#options.now()
    source.delete(fromName)
    target.set(toName, node)
    if (replaced !== undefined) this.#unlinked(replaced, now)
    node.changed(now)
    own(from).modified(now)
    own(to).modified(now)
  }

  remove(parent: TreeNode, name: EntryName, kind: "directory" | "other"): void {
    const entries = entriesOf(parent)
    const node = find(entries, name)
    if (kind === "directory" && node.kind !== "directory") throw new FileError("ENOTDIR")
    if (kind === "other" && node.kind === "directory") throw new FileError("EISDIR")
    expectEmpty(node)
    const now = this.#options.now()
    entries.delete(name)
    own(parent).modified(now)
    this.#unlinked(node, now)
  }

  read(file: OpenNode, target: Uint8Array, offset: number): number {
    return contentOf(own(file.node)).read(target, offset)
  }

  write(file: OpenNode, bytes: Uint8Array, offset: number): number {
    const { node, mode } = file as MemoryOpen
    const content = contentOf(node)
    const at = mode.append ? content.size : offset
    if (at + bytes.length > TREE_LIMITS.fileBytes) throw new FileError("EFBIG")
    const free = this.#options.mostBytes - this.#usedBytes
    if (bytes.length > free && content.growth(bytes.length, at) > free) throw new FileError("ENOSPC")
    const before = content.storedBytes
    content.write(bytes, at)
    this.#usedBytes += content.storedBytes - before
    node.modified(this.#options.now())
    return bytes.length
  }

  readDirectory(directory: OpenNode, cursor: bigint, entries: EntrySink): void {
    for (const { name, node, cursor: at } of entriesOf(directory.node).after(Number(cursor))) {
      if (!entries.put({ name, kind: node.kind, id: node.id, cursor: BigInt(at) })) return
    }
  }

  synchronise(): boolean {
    return false
  }

  close(): boolean {
    return false
  }

  getAttribute(node: TreeNode, name: string): Uint8Array {
    return Buffer.from(attributeOf(own(node), name))
  }

  listAttributes(node: TreeNode): readonly string[] {
    return [...(own(node).attributes?.keys() ?? [])]
  }

  setAttribute(node: TreeNode, name: string, value: Uint8Array, mode: "create" | "replace" | "any"): void {
    putAttribute(own(node), name, value, mode)
    own(node).changed(this.#options.now())
  }

  removeAttribute(node: TreeNode, name: string): void {
    dropAttribute(own(node), name)
    own(node).changed(this.#options.now())
  }

  space(): TreeSpace {
    const blocks = (bytes: number) => BigInt(Math.floor(bytes / BLOCK_BYTES))
    const { mostBytes } = this.#options
    return {
      blockBytes: BLOCK_BYTES,
      blocks: blocks(mostBytes),
      freeBlocks: blocks(mostBytes - this.#usedBytes),
      files: BigInt(MOST_NODES),
      freeFiles: BigInt(MOST_NODES - this.#nodes.size),
    }
  }

  /** Nothing of it survives anything. */
  commit(): void {}

  /** Held once, for whoever asked. */
  #add(directory: TreeNode, name: EntryName, body: MemoryBody, permissions: number): TreeNode & MemoryNode {
    const entries = entriesOf(directory)
    if (entries.get(name) !== undefined) throw new FileError("EEXIST")
    expectLinked(directory)
    const node = this.#make(body, permissions)
    entries.set(name, node)
    own(directory).modified(node.changeTime)
    this.hold(node)
    return node
  }

  #make(body: MemoryBody, permissions: number): MemoryNode {
    if (this.#nodes.size >= MOST_NODES) throw new FileError("ENOSPC")
    const node = new MemoryNode(this.#nextId++, body, permissions, this.#options.now())
    this.#nodes.set(node.id, node)
    return node
  }

  #unlinked(node: MemoryNode, now: bigint): void {
    node.isLinked = false
    node.changed(now)
    this.#forgetIfGone(node)
  }

  #forgetIfGone(node: MemoryNode): void {
    if (node.holds > 0 || node.isLinked) return
    this.#nodes.delete(node.id)
    this.#usedBytes -= node.storedBytes
  }

  #resize(content: MemoryContent, size: number): void {
    if (size > TREE_LIMITS.fileBytes) throw new FileError("EFBIG")
    const before = content.storedBytes
    content.resize(size)
    this.#usedBytes += content.storedBytes - before
  }
}
