import type { Digest } from "@skerry/model"
import { StoreError } from "../object-store.ts"
import { ChunkBuffers } from "./chunk-buffers.ts"
import { type Entries, findEntry } from "./directory-trie.ts"
import type { Entry } from "./entry.ts"
import { type ExtendedAttributes, keptAttributes } from "./extended-attributes.ts"
import { type ChangedBytes, FileContent } from "./file-content.ts"
import { entryOf, keepDirectories } from "./keep-tree.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { entriesIn, type NewNode, newEntry, type Place, WorkNode } from "./work-node.ts"

export const ROOT_ID = 1n

/**
 * One tree as it is now: objects, and in memory what differs from them or is held. Nodes lead to their entries. Every
 * change is given with all that it depends on (ids, times), so that the journal can make it again.
 */
export class WorkTree {
  readonly nodes: KeptNodes
  readonly root: WorkNode
  readonly changed: ChangedBytes = { bytes: 0, files: new Set(), buffers: new ChunkBuffers() }
  /** Removed, and still held by somebody; or they were, before the server was started anew. */
  readonly orphans = new Map<bigint, WorkNode>()
  nextId: bigint
  files: number
  bytes: number
  /** Nodes in memory. */
  loaded = 1
  /** Nodes and chunks that differ from what was kept, about. */
  changes = 0
  #rootDigest: Digest | undefined

  constructor(nodes: KeptNodes, root: Entry, rootDigest: Digest | undefined, nextId: bigint) {
    this.nodes = nodes
    this.#rootDigest = rootDigest
    this.root = this.#load(root)
    this.root.holds = 1
    this.nextId = nextId > root.below.maxId ? nextId : root.below.maxId + 1n
    this.files = root.below.files
    this.bytes = root.below.bytes
  }

  /** Undefined: there is no such entry. */
  find(directory: WorkNode, name: string): WorkNode | undefined {
    const work = entriesIn(directory)
    const known = work.children.get(name)
    if (known !== undefined) return known
    if (work.changed.has(name)) return undefined
    const entry = findEntry(this.nodes, work.kept?.digest, name)
    if (entry === undefined) return undefined
    const node = this.#load(entry)
    this.#hang(node, { directory, name })
    return node
  }

  /** Lets go of a node that nobody needs in memory any more, and of directories that were kept for it. */
  letGo(node: WorkNode): void {
    for (let each = node; each.isIdle; ) {
      const { place } = each
      if (place === undefined) return
      const { directory, name } = place
      const work = entriesIn(directory)
      if (work.changed.has(name) || work.children.get(name) !== each) return
      work.children.delete(name)
      this.loaded -= 1
      each = directory
    }
  }

  create(directory: WorkNode, name: string, made: NewNode): WorkNode {
    const node = this.#load(newEntry(made))
    if (made.id >= this.nextId) this.nextId = made.id + 1n
    this.files += 1
    this.#put(node, directory, name)
    this.touch(directory, made.time)
    return node
  }

  /** `isKept`: somebody holds it. */
  remove(directory: WorkNode, name: string, time: bigint, isKept: boolean): void {
    const node = this.#expect(directory, name)
    this.#take(node, directory, name)
    this.#orphan(node, time, isKept)
    this.touch(directory, time)
  }

  rename(
    from: WorkNode,
    fromName: string,
    to: WorkNode,
    toName: string,
    time: bigint,
    isKept: boolean,
  ): void {
    const node = this.#expect(from, fromName)
    const replaced = this.find(to, toName)
    if (replaced !== undefined) {
      this.#take(replaced, to, toName)
      this.#orphan(replaced, time, isKept)
    }
    this.#take(node, from, fromName)
    this.#put(node, to, toName)
    node.changeTime = time
    this.touch(from, time)
    if (to !== from) this.touch(to, time)
  }

  /** Nobody holds the orphan any more. */
  forget(node: WorkNode): void {
    this.orphans.delete(node.id)
    this.files -= 1
    this.bytes -= node.file?.size ?? 0
    node.file?.discard()
  }

  /** Within one chunk. */
  write(node: WorkNode, bytes: Uint8Array, offset: number, time: bigint): void {
    this.#grow(node, (file) => file.write(bytes, offset))
    this.#modified(node, time)
  }

  setChunk(node: WorkNode, index: number, digest: Digest | undefined, end: number, time: bigint): void {
    this.#grow(node, (file) => file.setChunk(index, digest, end))
    this.#modified(node, time)
  }

  resize(node: WorkNode, size: number, time: bigint): void {
    this.#grow(node, (file) => file.resize(size))
    this.#modified(node, time)
  }

  /** Undefined removes it. */
  setAttribute(node: WorkNode, name: string, value: Uint8Array | undefined, time: bigint): void {
    const attributes = new Map(this.attributes(node))
    if (value === undefined) attributes.delete(name)
    else attributes.set(name, value)
    node.attributes = attributes
    node.changeTime = time
    this.markChanged(node)
  }

  attributes(node: WorkNode): ExtendedAttributes {
    const { attributes } = node
    return attributes instanceof Map
      ? attributes
      : keptAttributes(this.nodes, attributes as Entry["attributes"])
  }

  /** A directory whose entries have changed. */
  touch(directory: WorkNode, time: bigint): void {
    directory.modifyTime = directory.changeTime = time
    this.markChanged(directory)
  }

  /** Its entry differs from what was kept, and so does every directory on the way to it. */
  markChanged(node: WorkNode): void {
    this.#rootDigest = undefined
    for (let each = node; each.place !== undefined; each = each.place.directory) {
      const { changed } = entriesIn(each.place.directory)
      if (changed.get(each.place.name) === each) return
      changed.set(each.place.name, each)
      this.changes += 1
    }
  }

  /** Makes everything objects, and names them all. Takes as long as there are changes. */
  keep(): Digest {
    if (this.#rootDigest !== undefined) return this.#rootDigest
    keepDirectories(this)
    this.changes = 0
    this.#rootDigest = this.nodes.putRoot(this.entryOf(this.root, ""))
    return this.#rootDigest
  }

  /** As its directory names it; of a directory, its changes are kept already. */
  entryOf(node: WorkNode, name: string): Entry {
    return entryOf(this.nodes, node, name)
  }

  /** A removed node of before the server was started anew. */
  adoptOrphan(entry: Entry): WorkNode {
    const node = this.#load(entry)
    this.orphans.set(node.id, node)
    this.files += 1
    this.bytes += entry.size
    if (entry.id >= this.nextId) this.nextId = entry.id + 1n
    return node
  }

  /**
   * The present becomes another version, in the same time whatever its size. What is held goes on with the new content
   * where its names lead to the same node as before; else it is stale.
   */
  replace(root: Entry, rootDigest: Digest): void {
    const orphans = new Set([...this.orphans.values()].map(({ file }) => file))
    let bytesOfOrphans = 0
    for (const file of orphans) bytesOfOrphans += file?.size ?? 0
    for (const file of this.changed.files) if (!orphans.has(file)) file.discard()
    this.files = root.below.files + this.orphans.size
    this.bytes = root.below.bytes + bytesOfOrphans
    if (root.below.maxId >= this.nextId) this.nextId = root.below.maxId + 1n
    this.changes = 0
    const pending: [WorkNode, Entry][] = [[this.root, root]]
    // Grows while it is read: nodes come after their directories.
    for (const [node, entry] of pending) {
      const children = [...(node.directory?.children ?? [])]
      this.#become(node, entry)
      for (const [name, child] of children) {
        const found = findEntry(this.nodes, entry.content, name)
        if (found?.id === child.id && found.kind === child.kind) {
          node.directory?.children.set(name, child)
          pending.push([child, found])
        } else this.#lose(child)
      }
    }
    for (const [node] of pending.reverse()) this.letGo(node)
    this.#rootDigest = rootDigest
  }

  /** The tree is no more: everything that is held of it is stale. */
  end(): void {
    for (const node of [this.root, ...this.orphans.values()]) this.#lose(node)
  }

  #lose(top: WorkNode): void {
    const pending = [top]
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      node.isStale = true
      node.place = undefined
      this.loaded -= 1
      pending.push(...(node.directory?.children.values() ?? []))
    }
  }

  #become(node: WorkNode, entry: Entry): void {
    node.become(entry, this.#fileOf(entry), this.#entriesOf(entry))
  }

  #load(entry: Entry): WorkNode {
    return new WorkNode(entry, this.#fileOf(entry), this.#entriesOf(entry))
  }

  #fileOf(entry: Entry): FileContent | undefined {
    return entry.kind === "file" ? new FileContent(this.nodes, this.changed, entry) : undefined
  }

  #entriesOf({ content, kind, below }: Entry): Entries {
    return kind === "directory" && content !== undefined ? { digest: content, totals: below } : undefined
  }

  #expect(directory: WorkNode, name: string): WorkNode {
    const node = this.find(directory, name)
    if (node === undefined) throw new StoreError("damaged", "A change is of an entry that is not there")
    return node
  }

  #hang(node: WorkNode, place: Place): void {
    node.place = place
    entriesIn(place.directory).children.set(place.name, node)
    this.loaded += 1
  }

  #put(node: WorkNode, directory: WorkNode, name: string): void {
    this.#hang(node, { directory, name })
    entriesIn(directory).count += 1
    this.markChanged(node)
  }

  #take(node: WorkNode, directory: WorkNode, name: string): void {
    const work = entriesIn(directory)
    work.children.delete(name)
    work.changed.set(name, undefined)
    work.count -= 1
    node.place = undefined
    this.changes += 1
    this.loaded -= 1
  }

  #orphan(node: WorkNode, time: bigint, isKept: boolean): void {
    node.changeTime = time
    node.empty()
    if (isKept) this.orphans.set(node.id, node)
    else this.forget(node)
  }

  #grow(node: WorkNode, change: (file: FileContent) => void): void {
    if (node.file === undefined) throw new StoreError("damaged", "A change is of the content of no file")
    const before = node.file.size
    const changes = node.file.changes
    change(node.file)
    this.bytes += node.file.size - before
    this.changes += node.file.changes - changes
  }

  #modified(node: WorkNode, time: bigint): void {
    node.modifyTime = node.changeTime = time
    this.markChanged(node)
  }
}
