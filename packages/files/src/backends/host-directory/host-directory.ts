import { type FileCalls, STATVFS_BYTES } from "@skerry/linux"
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
import { DirectoryReader } from "./directory-reader.ts"
import { check } from "./errno.ts"
import { HostNode, HostNodes, type HostOpen } from "./host-node.ts"
import { nodeId, Stat } from "./stat.ts"
import { UserAttributes } from "./user-attributes.ts"

export interface HostDirectoryOptions {
  readonly calls: FileCalls
  /** A descriptor of the directory, however opened; the tree owns it. */
  readonly root: number
  /** "read": nothing is changed through this tree, whoever asks. */
  readonly access: "read" | "write"
  /** Descriptors that clients may make it hold, all of them together: more is EMFILE. The process needs some besides. */
  readonly mostDescriptors: number
  /** The account that serves: its files appear as the guest's own. */
  readonly uid: number
}

/** Bits of a mode that make a program run as its owner, whoever starts it. */
const SPECIAL_BITS = 0o6000

/** Every node that comes in was given out here. */
const own = (node: TreeNode) => node as HostNode
const ownOpen = (open: OpenNode) => open as HostOpen

/**
 * A directory of the host, as it is: others may change it at any time. Names are looked up one at a time, beneath the
 * descriptor of their directory; no path is ever made of them, no symlink followed, no mount crossed. README.md
 */
export class HostDirectory implements FileTree {
  readonly #calls: FileCalls
  readonly #stat: Stat
  readonly #reader: DirectoryReader
  readonly #attributes: UserAttributes
  readonly #nodes: HostNodes
  readonly #root: HostNode
  readonly #device: bigint
  readonly #mayChange: boolean
  #hasChanges = false

  constructor({ calls, root, access, mostDescriptors, uid }: HostDirectoryOptions) {
    this.#calls = calls
    this.#stat = new Stat(calls, uid)
    this.#reader = new DirectoryReader(calls, this.#stat)
    this.#attributes = new UserAttributes(calls)
    this.#mayChange = access === "write"
    // Opened anew for reading: what was handed in may be good for nothing but lookups, and fsync needs more.
    const fd = check(calls.openDirectory(root))
    calls.close(root)
    this.#stat.look(fd)
    this.#device = this.#stat.device()
    this.#nodes = new HostNodes(calls, this.#stat, this.#device, mostDescriptors)
    this.#root = new HostNode("directory", this.#stat.inode(), this.#device, fd)
  }

  root(): TreeNode {
    return this.hold(this.#root)
  }

  walk(directory: TreeNode, name: EntryName): TreeNode {
    return this.#nodes.walk(own(directory), name)
  }

  reclaim(id: bigint, names: readonly EntryName[]): TreeNode {
    let node = this.#root
    node.holds += 1
    for (const name of names) {
      const directory = node
      try {
        node = this.#nodes.walk(directory, name)
      } catch (error) {
        throw error instanceof FileError ? new FileError("ESTALE", undefined, { cause: error }) : error
      } finally {
        this.release(directory)
      }
    }
    if (node.id === id) return node
    this.release(node)
    throw new FileError("ESTALE")
  }

  hold(node: TreeNode): TreeNode {
    own(node).holds += 1
    return node
  }

  release(node: TreeNode): void {
    this.#nodes.release(own(node))
  }

  attributes(node: TreeNode): Attributes {
    this.#stat.look(own(node).fd)
    return this.#stat.attributes(node.kind)
  }

  setAttributes(node: TreeNode, changes: AttributeChanges): void {
    this.#change()
    const { fd, kind, writingFd } = own(node)
    const { mode, size, accessTime, modifyTime } = changes
    this.#checkChanges(own(node), changes)
    if (size !== undefined) {
      if (kind !== "file") throw new FileError(kind === "directory" ? "EISDIR" : "EINVAL")
      if (writingFd === undefined) check(this.#calls.truncate(fd, size))
      else check(this.#calls.truncateOpen(writingFd, size))
    }
    if (mode !== undefined) check(this.#calls.changeMode(fd, mode))
    if (accessTime !== undefined || modifyTime !== undefined) {
      check(this.#calls.setTimes(fd, accessTime, modifyTime))
    }
  }

  /** What would fail is refused before anything is done. */
  #checkChanges(
    { fd, kind }: HostNode,
    { mode, uid, gid, size, accessTime, modifyTime }: AttributeChanges,
  ): void {
    this.#stat.look(fd)
    const present = this.#stat.attributes(kind)
    if ((uid ?? present.uid) !== present.uid || (gid ?? present.gid) !== present.gid)
      throw new FileError("EPERM")
    const needsOwner = mode !== undefined || typeof accessTime === "bigint" || typeof modifyTime === "bigint"
    if (needsOwner && !this.#stat.mayAdminister()) throw new FileError("EPERM")
    if (size !== undefined && size > TREE_LIMITS.fileBytes) throw new FileError("EFBIG")
    if (mode === undefined) return
    if (kind === "symlink") throw new FileError("EOPNOTSUPP")
    // A program that runs as the host's account whoever starts it is nothing that a guest may make.
    if (kind === "file" && (mode & SPECIAL_BITS & ~present.mode) !== 0) throw new FileError("EPERM")
  }

  open(node: TreeNode, mode: OpenMode): OpenNode {
    if (mode.write || mode.truncate) this.#change()
    return this.#nodes.open(own(node), mode)
  }

  create(directory: TreeNode, name: EntryName, mode: OpenMode, permissions: number): OpenNode {
    this.#change()
    return this.#nodes.create(own(directory), name, mode, permissions)
  }

  makeDirectory(directory: TreeNode, name: EntryName, permissions: number): TreeNode {
    this.#change()
    return this.#nodes.makeDirectory(own(directory), name, permissions)
  }

  makeSymlink(directory: TreeNode, name: EntryName, target: string): TreeNode {
    this.#change()
    if (target.length > TREE_LIMITS.targetBytes) throw new FileError("ENAMETOOLONG")
    if (target.includes("\0")) throw new FileError("EINVAL")
    check(this.#calls.makeSymlink(own(directory).fd, name, target))
    return this.#nodes.walkTo("symlink", own(directory), name)
  }

  readSymlink(node: TreeNode): string {
    if (node.kind !== "symlink") throw new FileError("EINVAL")
    const target = Buffer.allocUnsafe(TREE_LIMITS.targetBytes + 1)
    return target.toString("latin1", 0, check(this.#calls.readSymlink(own(node).fd, target)))
  }

  rename(from: TreeNode, fromName: EntryName, to: TreeNode, toName: EntryName): void {
    this.#change()
    check(this.#calls.rename(own(from).fd, fromName, own(to).fd, toName, 0))
  }

  remove(parent: TreeNode, name: EntryName, kind: "directory" | "other"): void {
    this.#change()
    check(this.#calls.remove(own(parent).fd, name, kind === "directory"))
  }

  read(file: OpenNode, target: Uint8Array, offset: number): number {
    return check(this.#calls.read(ownOpen(file).fd, target, offset))
  }

  /** Fewer bytes than were given where the host's disk is full in the middle of them. */
  write(file: OpenNode, bytes: Uint8Array, offset: number): number {
    const { fd } = ownOpen(file)
    this.#hasChanges = true
    let taken = check(this.#calls.write(fd, bytes, offset))
    while (taken < bytes.length) {
      const more = this.#calls.write(fd, bytes.subarray(taken), offset + taken)
      if (more <= 0) break
      taken += more
    }
    return taken
  }

  readDirectory(directory: OpenNode, cursor: bigint, entries: EntrySink): void {
    const { fd, node } = ownOpen(directory)
    if (node.kind !== "directory") throw new FileError("ENOTDIR")
    const { device } = node
    const isOfRoot = device === this.#device
    const idOf = isOfRoot ? undefined : (inode: bigint) => nodeId(this.#device, device, inode)
    this.#reader.read(fd, cursor, entries, idOf)
  }

  prepare(): void {
    this.#reader.readAhead()
  }

  /** At once: fsync. */
  synchronise(file: OpenNode): boolean {
    check(this.#calls.synchronise(ownOpen(file).fd))
    return false
  }

  close(file: OpenNode): boolean {
    this.#reader.forget(ownOpen(file).fd)
    this.#nodes.close(ownOpen(file))
    return false
  }

  getAttribute(node: TreeNode, name: string): Uint8Array {
    return this.#attributes.get(own(node).fd, name)
  }

  listAttributes(node: TreeNode): readonly string[] {
    return this.#attributes.list(own(node).fd)
  }

  setAttribute(node: TreeNode, name: string, value: Uint8Array, mode: "create" | "replace" | "any"): void {
    this.#change()
    this.#attributes.set(own(node).fd, name, value, mode)
  }

  removeAttribute(node: TreeNode, name: string): void {
    this.#change()
    this.#attributes.remove(own(node).fd, name)
  }

  space(): TreeSpace {
    const space = Buffer.alloc(STATVFS_BYTES)
    check(this.#calls.fileSystem(this.#root.fd, space))
    return {
      blockBytes: Number(space.readBigUInt64LE(8)),
      blocks: space.readBigUInt64LE(16),
      freeBlocks: space.readBigUInt64LE(32),
      files: space.readBigUInt64LE(40),
      freeFiles: space.readBigUInt64LE(56),
    }
  }

  #change(): void {
    if (!this.#mayChange) throw new FileError("EROFS")
    this.#hasChanges = true
  }

  commit(durable: boolean): void {
    if (!durable || !this.#hasChanges) return
    check(this.#calls.synchroniseFileSystem(this.#root.fd))
    this.#hasChanges = false
  }
}
