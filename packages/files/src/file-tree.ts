import type { Brand } from "@skerry/model"

/*
 * The seam between the file server and what it serves: one back end is one FileTree. There is no "..", no path and no
 * parent in it: a node is reached from a directory, by one name that is a key in it.
 *
 * Everything is synchronous: the server runs in one blocking loop (packages/loop). What fails throws FileError.
 */

/**
 * 1–255 bytes, none of them "/" or NUL, and neither "." nor "..". Each character of the string is one byte (latin1):
 * Linux names are bytes, not text. Made by parseEntryName (codec/entry-name.ts) alone.
 */
export type EntryName = Brand<string, "EntryName">

/** errno names of Linux; the codec has their numbers. */
export type FileErrorCode =
  | "EPERM"
  | "ENOENT"
  | "EINTR"
  | "EIO"
  | "ENXIO"
  | "EBADF"
  | "EAGAIN"
  | "EACCES"
  | "EBUSY"
  | "EEXIST"
  | "EXDEV"
  | "ENODEV"
  | "ENOTDIR"
  | "EISDIR"
  | "EINVAL"
  | "EMFILE"
  | "ENOTTY"
  | "EFBIG"
  | "ENOSPC"
  | "EROFS"
  | "EMLINK"
  | "ERANGE"
  | "ENAMETOOLONG"
  | "ENOSYS"
  | "ENOTEMPTY"
  | "ELOOP"
  | "ENODATA"
  | "EPROTO"
  | "EOVERFLOW"
  | "EOPNOTSUPP"
  | "ESTALE"
  | "EDQUOT"

/** An expected outcome of a file operation: the client gets the code, and nothing of the message. */
export class FileError extends Error {
  override readonly name = "FileError"
  readonly code: FileErrorCode
  constructor(code: FileErrorCode, message: string = code, options?: ErrorOptions) {
    // Expected, and often: a name that is not there. The stack would cost more than all else that such a request takes.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
  }
}

export type NodeKind = "file" | "directory" | "symlink"

/** A file, directory or symlink that somebody holds: it stays valid after rename and unlink, until it is released. */
export interface TreeNode {
  readonly kind: NodeKind
  /** Unique in its tree for as long as the tree exists, and across restarts: qid.path, the inode number in the guest. */
  readonly id: bigint
}

export interface Attributes {
  readonly kind: NodeKind
  /** Permission bits, 0o7777 at most. */
  readonly mode: number
  /** Bytes; of a symlink, of its target. */
  readonly size: number
  /** Bytes that it takes, for `du` in the guest. */
  readonly storedBytes: number
  readonly links: number
  /** Owner as the guest shall see it. */
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970. */
  readonly accessTime: bigint
  readonly modifyTime: bigint
  readonly changeTime: bigint
}

/** "now": the tree's own clock. */
export type NewTime = bigint | "now"

/** Absent: stays as it is. */
export interface AttributeChanges {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  readonly accessTime?: NewTime
  readonly modifyTime?: NewTime
}

export interface OpenMode {
  readonly read: boolean
  readonly write: boolean
  readonly append: boolean
  readonly truncate: boolean
  /** For create: fail with EEXIST where the name is taken. */
  readonly exclusive: boolean
}

/** One opening of a file or directory; to be given to close() exactly once, before its node is released. */
export interface OpenNode {
  readonly node: TreeNode
}

export interface DirectoryEntry {
  readonly name: EntryName
  readonly kind: NodeKind
  readonly id: bigint
  /**
   * Where reading goes on after this entry: positive, below 2^63, and neither 2^63 - 2 nor 2^63 - 3, which the server
   * takes for "." and "..". Stable under change: entries that exist during the whole reading are returned exactly once,
   * whatever is added or removed meanwhile.
   */
  readonly cursor: bigint
}

/** Where a tree puts the entries of a directory that is read. */
export interface EntrySink {
  /** Bytes for entries of 24 bytes and a name each: a tree need not look for more. */
  readonly room: number
  /** False: there is no room for it, and for none after it. Reading goes on behind the last one that was taken. */
  put(entry: DirectoryEntry): boolean
  /**
   * The same of an entry whose id and cursor are 8 bytes each of `source`, little-endian, and whose name lies there from
   * `nameAt` to `nameEnd`: large directories are read without an object for each entry. The name is an EntryName's bytes.
   */
  putFrom(
    source: DataView,
    kind: NodeKind,
    idAt: number,
    cursorAt: number,
    nameAt: number,
    nameEnd: number,
  ): boolean
}

/** Of the whole tree, in blocks of `blockBytes`. */
export interface TreeSpace {
  readonly blockBytes: number
  readonly blocks: bigint
  readonly freeBlocks: bigint
  readonly files: bigint
  readonly freeFiles: bigint
}

export const TREE_LIMITS = {
  /** Bytes of a name: Linux's NAME_MAX. */
  nameBytes: 255,
  /** Bytes of a symlink's target: Linux's PATH_MAX with its NUL. */
  targetBytes: 4095,
  /** Bytes of the name of an extended attribute: Linux's XATTR_NAME_MAX. */
  attributeNameBytes: 255,
  /** Bytes of one extended attribute, and of all names of one node. */
  attributeBytes: 64 * 1024,
  /** Bytes of a file: what an offset can say (2^63 - 1), and what a number of JavaScript holds exactly. */
  fileBytes: Number.MAX_SAFE_INTEGER,
} as const

/**
 * What is served. Several clients use one tree at the same time, each in turns. A node or open node of one tree is
 * never given to another. Who may write is the server's business: a read-only client's changes never get here.
 *
 * What an operation has changed is seen by the next one at once, by whoever makes it.
 */
export interface FileTree {
  /** The root directory; to be released like any other node. */
  root(): TreeNode
  /** The node of this name; ENOENT, ENOTDIR. Symlinks are found, never followed. */
  walk(directory: TreeNode, name: EntryName): TreeNode
  /**
   * A node that a client held before the server was started anew: by its names from the root if they still lead to
   * it, else by its id; also one that was unlinked while open. ESTALE where it is gone.
   */
  reclaim(id: bigint, names: readonly EntryName[]): TreeNode
  /** Another hold of the same node. */
  hold(node: TreeNode): TreeNode
  /** Ends one hold; an unlinked node's content goes with the last one. Never throws. */
  release(node: TreeNode): void

  attributes(node: TreeNode): Attributes
  /** All or nothing; sets the change time. EPERM for an owner that cannot be; EISDIR, EINVAL, EFBIG for sizes. */
  setAttributes(node: TreeNode, changes: AttributeChanges): void

  /** EISDIR, ENOTDIR, ELOOP (a symlink), EACCES. Directories open for reading only. */
  open(node: TreeNode, mode: OpenMode): OpenNode
  /** Makes a file and opens it; where the name is a file and `exclusive` is off, opens that. */
  create(directory: TreeNode, name: EntryName, mode: OpenMode, permissions: number): OpenNode
  makeDirectory(directory: TreeNode, name: EntryName, permissions: number): TreeNode
  /** `target` is data, as bytes in latin1. */
  makeSymlink(directory: TreeNode, name: EntryName, target: string): TreeNode
  readSymlink(node: TreeNode): string
  /** Linux's rename(2), RENAME_NOREPLACE and _EXCHANGE aside; a node moved below itself is EINVAL. */
  rename(from: TreeNode, fromName: EntryName, to: TreeNode, toName: EntryName): void
  /** `directory`: rmdir (ENOTDIR, ENOTEMPTY), else unlink (EISDIR). Nodes that are held stay usable. */
  remove(parent: TreeNode, name: EntryName, kind: "directory" | "other"): void

  /** Bytes read, 0 at the end. `offset` ≥ 0. */
  read(file: OpenNode, target: Uint8Array, offset: number): number
  /** `bytes` are the caller's again when it returns. Bytes taken, all of them: ENOSPC, EDQUOT, EFBIG otherwise, and nothing of it is written then. With append, `offset` has no meaning. */
  write(file: OpenNode, bytes: Uint8Array, offset: number): number
  /**
   * Puts entries after `cursor` (0n: from the beginning), at least one where there is one and room for it; none and no
   * refusal: the end. A cursor that was never given out is no error.
   */
  readDirectory(directory: OpenNode, cursor: bigint, entries: EntrySink): void
  /**
   * Called when answers have left and there is nothing else to do: what a client will ask for next may be fetched. Absent:
   * nothing ever is. Never throws.
   */
  prepare?(): void
  /** True: durable once commit(true) has returned. */
  synchronise(file: OpenNode): boolean
  /** True: what was written through it is durable once commit(true) has returned. Never throws. */
  close(file: OpenNode): boolean

  /** Names of `user.*` alone; ENODATA, EOPNOTSUPP for others. Bytes in latin1, like names. */
  getAttribute(node: TreeNode, name: string): Uint8Array
  listAttributes(node: TreeNode): readonly string[]
  /** `mode`: as XATTR_CREATE (EEXIST), XATTR_REPLACE (ENODATA), or either. */
  setAttribute(node: TreeNode, name: string, value: Uint8Array, mode: "create" | "replace" | "any"): void
  removeAttribute(node: TreeNode, name: string): void

  space(): TreeSpace
  /**
   * Called at the end of each turn of the server, before the answers of the turn leave. After it returns, what was
   * done survives the server's own death (kill -9); with `durable` the loss of power too. Throws FileError where
   * that failed: answers that waited for it become that error.
   */
  commit(durable: boolean): void
}
