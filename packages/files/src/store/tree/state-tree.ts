import {
  type AttributeChanges,
  type Attributes,
  type EntryName,
  type EntrySink,
  FileError,
  type FileTree,
  type NewTime,
  type OpenMode,
  type OpenNode,
  TREE_LIMITS,
  type TreeNode,
  type TreeSpace,
} from "../../file-tree.ts"
import { DirectoryListings } from "./directory-listing.ts"
import { attributeBytes } from "./extended-attributes.ts"
import { STATE_TREE } from "./limits.ts"
import { StaleNames } from "./stale-names.ts"
import { BLOCK_BYTES, TreeAccess, u64 } from "./tree-access.ts"
import { depthOf, type WorkNode } from "./work-node.ts"
import { writeFile } from "./write-file.ts"

/** The account of the application in a guest. */
const OWNER = 1000
/** Said where nothing bounds the number of files. */
const UNBOUNDED_FILES = 2 ** 32

interface Opening extends OpenNode {
  readonly node: WorkNode
  readonly mode: OpenMode
  hasWritten: boolean
}

const opening = (node: WorkNode, mode: OpenMode, hasWritten: boolean): Opening => ({ node, mode, hasWritten })

/** A tree of the store as clients see it. Checks come first: what fails has changed nothing. */
export class StateTree extends TreeAccess implements FileTree {
  readonly #stale = new StaleNames(this.work)
  readonly #listings = new DirectoryListings(this.work)

  root(): TreeNode {
    return this.hold(this.live(this.work.root))
  }

  walk(directory: TreeNode, name: EntryName): TreeNode {
    return this.hold(this.entry(this.directory(directory), name))
  }

  reclaim(id: bigint, names: readonly EntryName[]): TreeNode {
    const known = this.byNames(names)
    if (known?.id === id) return this.hold(known)
    if (known !== undefined) this.work.letGo(known)
    const orphan = this.work.orphans.get(id)
    if (orphan !== undefined) return this.hold(orphan)
    const found = this.#stale.find(id, names, (path) => this.byNames(path))
    if (found === undefined) throw new FileError("ESTALE")
    return this.hold(found)
  }

  hold(node: TreeNode): TreeNode {
    const work = node as WorkNode
    work.holds += 1
    return work
  }

  release(node: TreeNode): void {
    const work = node as WorkNode
    work.holds -= 1
    if (work.holds > 0 || work.isStale) return
    if (this.work.orphans.get(work.id) === work) this.forget(work)
    else this.work.letGo(work)
  }

  /** An orphan that nobody holds. */
  forget(orphan: WorkNode): void {
    // Where a turn is so long, it is forgotten like one that nobody reclaims after a start.
    if (this.log.bytes <= STATE_TREE.turnBytes) this.log.add({ kind: "forget", id: orphan.id }, orphan)
    this.work.forget(orphan)
  }

  /** Who holds its root; the tree itself does. */
  get clients(): number {
    return this.work.root.holds - 1
  }

  /** Another version is the present. */
  forgetListings(): void {
    this.#listings.clear()
  }

  attributes(node: TreeNode): Attributes {
    const work = this.live(node)
    const { accessTime, changeTime, directory, file, kind, mode, modifyTime, target } = work
    const size = file?.size ?? (directory === undefined ? target.length : BLOCK_BYTES)
    return {
      kind,
      mode,
      size,
      storedBytes: Math.min(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES, file?.storedBytes ?? BLOCK_BYTES),
      links: this.isRemoved(work) ? 0 : 1,
      uid: OWNER,
      gid: OWNER,
      accessTime,
      modifyTime,
      changeTime,
    }
  }

  setAttributes(node: TreeNode, changes: AttributeChanges): void {
    const work = this.live(node)
    const { gid = OWNER, size, uid = OWNER } = changes
    if (uid !== OWNER || gid !== OWNER) throw new FileError("EPERM")
    const time = this.timeOfChange()
    if (size !== undefined) this.resize(work, size, time)
    const at = (wanted: NewTime | undefined, otherwise: bigint) =>
      wanted === undefined ? otherwise : BigInt.asIntN(64, wanted === "now" ? time : wanted)
    const mode = (changes.mode ?? work.mode) & 0o7777
    const accessTime = at(changes.accessTime, work.accessTime)
    const modifyTime = at(changes.modifyTime, work.modifyTime)
    const times = { accessTime: u64(accessTime), modifyTime: u64(modifyTime), changeTime: u64(time) }
    this.log.add({ kind: "attributes", id: work.id, mode, ...times }, work)
    Object.assign(work, { mode, accessTime, modifyTime, changeTime: time })
    this.work.markChanged(work)
  }

  open(node: TreeNode, mode: OpenMode): OpenNode {
    const work = this.live(node)
    if (work.kind === "symlink") throw new FileError("ELOOP")
    if (work.kind === "directory" && (mode.write || mode.truncate || mode.append))
      throw new FileError("EISDIR")
    const isTruncated = mode.truncate && mode.write && work.file !== undefined
    if (isTruncated) this.resize(work, 0, this.timeOfChange())
    return opening(work, mode, isTruncated)
  }

  create(directory: TreeNode, name: EntryName, mode: OpenMode, permissions: number): OpenNode {
    const parent = this.directory(directory)
    const known = this.work.find(parent, name)
    if (known === undefined) {
      const node = this.make(parent, name, "file", permissions, "")
      return opening(node, mode, true)
    }
    try {
      if (mode.exclusive) throw new FileError("EEXIST")
      const opened = this.open(known, mode)
      if (known.kind === "directory") throw new FileError("EISDIR")
      known.holds += 1
      return opened
    } finally {
      this.work.letGo(known)
    }
  }

  makeDirectory(directory: TreeNode, name: EntryName, permissions: number): TreeNode {
    const parent = this.directory(directory)
    if (depthOf(parent) >= STATE_TREE.depth) throw new FileError("ENAMETOOLONG")
    return this.makeNew(parent, name, "directory", permissions, "")
  }

  makeSymlink(directory: TreeNode, name: EntryName, target: string): TreeNode {
    if (target.length > TREE_LIMITS.targetBytes) throw new FileError("ENAMETOOLONG")
    if (target === "") throw new FileError("ENOENT")
    return this.makeNew(this.directory(directory), name, "symlink", 0o777, target)
  }

  readSymlink(node: TreeNode): string {
    const { kind, target } = this.live(node)
    if (kind !== "symlink") throw new FileError("EINVAL")
    return target
  }

  rename(from: TreeNode, fromName: EntryName, to: TreeNode, toName: EntryName): void {
    const source = this.directory(from)
    const target = this.directory(to)
    const node = this.entry(source, fromName)
    const replaced = this.work.find(target, toName)
    try {
      if (node === replaced) return
      this.checkMove(node, target, replaced)
      const time = this.timeOfChange()
      const isKept = replaced !== undefined && replaced.holds > 0
      const names = { from: source.id, fromName, to: target.id, toName, time: u64(time), isKept }
      this.log.add({ kind: "rename", ...names }, source, target, ...(isKept ? [replaced] : []))
      this.work.rename(source, fromName, target, toName, time, isKept)
    } finally {
      this.work.letGo(node)
      if (replaced !== undefined) this.work.letGo(replaced)
    }
  }

  remove(parent: TreeNode, name: EntryName, kind: "directory" | "other"): void {
    const directory = this.directory(parent)
    const node = this.entry(directory, name)
    try {
      if (kind === "directory" && node.kind !== "directory") throw new FileError("ENOTDIR")
      if (kind === "other" && node.kind === "directory") throw new FileError("EISDIR")
      if (node.directory !== undefined && node.directory.count > 0) throw new FileError("ENOTEMPTY")
      const time = this.timeOfChange()
      const isKept = node.holds > 0
      const op = { kind: "remove", directory: directory.id, name, time: u64(time), isKept } as const
      this.log.add(op, directory, ...(isKept ? [node] : []))
      this.work.remove(directory, name, time, isKept)
    } finally {
      this.work.letGo(node)
    }
  }

  read(file: OpenNode, target: Uint8Array, offset: number): number {
    const { mode, node } = file as Opening
    const content = this.content(node)
    if (!mode.read) throw new FileError("EBADF")
    return content.read(target, offset)
  }

  write(file: OpenNode, bytes: Uint8Array, offset: number): number {
    const writing = file as Opening
    const { mode, node } = writing
    const { size } = this.content(node)
    if (!mode.write) throw new FileError("EBADF")
    if (bytes.length === 0) return 0
    const start = mode.append ? size : offset
    const end = start + bytes.length
    if (end > TREE_LIMITS.fileBytes) throw new FileError("EFBIG")
    this.expectRoom(bytes.length, Math.max(0, end - size))
    writeFile(this.work, this.log, node, bytes, start, this.timeOfChange())
    writing.hasWritten = true
    return bytes.length
  }

  readDirectory(directory: OpenNode, cursor: bigint, entries: EntrySink): void {
    const node = this.live(directory.node)
    if (node.directory === undefined) throw new FileError("ENOTDIR")
    this.#listings.read(node, cursor, entries)
  }

  synchronise(_file: OpenNode): boolean {
    return true
  }

  close(file: OpenNode): boolean {
    const { hasWritten, node } = file as Opening
    if (node.kind === "directory") this.#listings.forget(node)
    return hasWritten
  }

  getAttribute(node: TreeNode, name: string): Uint8Array {
    const value = this.work.attributes(this.live(node)).get(userAttribute(name))
    if (value === undefined) throw new FileError("ENODATA")
    return value
  }

  listAttributes(node: TreeNode): readonly string[] {
    return [...this.work.attributes(this.live(node)).keys()]
  }

  setAttribute(node: TreeNode, name: string, value: Uint8Array, mode: "create" | "replace" | "any"): void {
    const work = this.live(node)
    const attributes = this.work.attributes(work)
    const isThere = attributes.has(userAttribute(name))
    if (isThere && mode === "create") throw new FileError("EEXIST")
    if (!isThere && mode === "replace") throw new FileError("ENODATA")
    if (value.length > TREE_LIMITS.attributeBytes) throw new FileError("ERANGE")
    const others = attributeBytes(attributes) - (attributes.get(name)?.length ?? 0)
    if (others + name.length + value.length > STATE_TREE.attributeBytes) throw new FileError("ENOSPC")
    this.expectRoom(value.length, 0)
    this.changeAttribute(work, name, Uint8Array.from(value))
  }

  removeAttribute(node: TreeNode, name: string): void {
    const work = this.live(node)
    if (!this.work.attributes(work).has(userAttribute(name))) throw new FileError("ENODATA")
    this.changeAttribute(work, name, undefined)
  }

  space(): TreeSpace {
    const { bytes, files } = this.quota
    const free = Math.max(0, this.host.space().freeBytes - STATE_TREE.reserveBytes)
    const freeBytes = bytes === 0 ? free : Math.min(free, Math.max(0, bytes - this.work.bytes))
    const freeFiles = files === 0 ? UNBOUNDED_FILES : Math.max(0, files - this.work.files)
    const freeBlocks = BigInt(Math.floor(freeBytes / BLOCK_BYTES))
    return {
      blockBytes: BLOCK_BYTES,
      blocks: freeBlocks + BigInt(Math.ceil(this.work.bytes / BLOCK_BYTES)),
      freeBlocks,
      files: BigInt(this.work.files + freeFiles),
      freeFiles: BigInt(freeFiles),
    }
  }

  commit(durable: boolean): void {
    if (!this.log.isEmpty) this.append(false)
    if (durable) this.host.synchronise()
    this.host.afterTurn()
  }
}

function userAttribute(name: string): string {
  if (!name.startsWith("user.") || name === "user.") throw new FileError("EOPNOTSUPP")
  return name
}
