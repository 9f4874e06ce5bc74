import type { Digest } from "@skerry/model"
import { CallFailure, type TreeRecord } from "@skerry/rpc"
import { listEntries } from "../../entry-list.ts"
import {
  type EntryName,
  FileError,
  type OpenMode,
  type OpenNode,
  TREE_LIMITS,
  type TreeNode,
} from "../../file-tree.ts"
import { parsePath, shownPath } from "./paths.ts"
import { encodeTree, treeRecordName } from "./records.ts"
import type { StateStore } from "./state-store.ts"
import { recordOf, type StoredTree } from "./stored-tree.ts"

const WRITE: OpenMode = { read: false, write: true, append: false, truncate: true, exclusive: false }

type EntryRecord = Extract<TreeRecord, { readonly kind: "entry" }>

interface Writing {
  readonly open: OpenNode
  readonly record: { readonly mode: number; readonly modifyTime: bigint }
  offset: number
  left: number
}

/** Files that come as records, into a directory of a tree. Until keep() they can be taken back. */
export class TreeImport {
  readonly #store: StateStore
  readonly #tree: StoredTree
  readonly #merge: boolean
  readonly #to: readonly EntryName[]
  readonly #before: Digest
  readonly #unpin: () => void
  /** The directory that the last entry was put into. */
  #directory: { readonly path: string; readonly node: TreeNode } | undefined
  #writing: Writing | undefined
  /** Their times change with what is put into them: set last. */
  readonly #directories: { readonly path: string; readonly modifyTime: bigint }[] = []
  #isEnded = false
  #isOver = false
  files = 0
  bytes = 0

  /** Throws CallFailure "exists" where something is at the path already, unless `merge`. */
  constructor(store: StateStore, tree: StoredTree, to: readonly EntryName[], merge: boolean) {
    this.#store = store
    this.#tree = tree
    this.#to = to
    this.#merge = merge
    this.#before = tree.state.work.keep()
    this.#unpin = store.pins.pin(this.#before)
    try {
      this.#makeTop()
    } catch (error) {
      this.abandon()
      throw error
    }
  }

  take(record: TreeRecord): void {
    if (this.#isEnded) throw new CallFailure("bad-request", "Something follows the end of the tree")
    if (record.kind === "piece") {
      const { content } = record
      this.#fill(content.length, (open, offset) => {
        if (!isZero(content)) this.#tree.files.write(open, content, offset)
      })
    } else if (record.kind === "hole") this.#fill(Number(record.bytes), () => {})
    else {
      this.#expectWhole()
      if (record.kind === "entry") this.#add(record)
      else this.#isEnded = true
    }
  }

  /** A directory at a time. Throws CallFailure "bad-request" where the stream was cut off. */
  *end(): Generator<undefined, void, undefined> {
    if (!this.#isEnded) throw new CallFailure("bad-request", "The tree was cut off")
    const { files } = this.#tree
    for (const { modifyTime, path } of this.#directories.reverse()) {
      const node = this.#walk(path)
      files.setAttributes(node, { modifyTime })
      files.release(node)
      yield
    }
    this.#leave()
    files.commit(true)
  }

  keep(): void {
    this.#isOver = true
    this.#unpin()
  }

  /**
   * Takes everything back; where others have the tree open, or there is no room even for that, what has come so far stays.
   * Never throws.
   */
  abandon(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#writing !== undefined) {
      this.#tree.files.close(this.#writing.open)
      this.#tree.files.release(this.#writing.open.node)
    }
    this.#leave()
    try {
      if (this.#tree.state.clients === 0) this.#takeBack()
    } catch (error) {
      this.#store.report(error)
    } finally {
      this.#unpin()
    }
  }

  /** On disk first: where that fails, the tree must stay what the journal says. */
  #takeBack(): void {
    const { name, state } = this.#tree
    const root = this.#store.nodes.root(this.#before)
    const record = encodeTree(recordOf(this.#tree, this.#before))
    this.#store.checkpoint(new Map([[treeRecordName(name), record]]))
    state.work.replace(root, this.#before)
    state.forgetListings()
  }

  #makeTop(): void {
    const { files } = this.#tree
    let node = files.root()
    for (const name of this.#to) {
      const parent = node
      try {
        node = this.#madeDirectory(parent, name)
      } finally {
        files.release(parent)
      }
    }
    const isEmpty = this.#isEmpty(node)
    files.release(node)
    if (!isEmpty && !this.#merge) throw new CallFailure("exists", "There are files at this path already")
  }

  #isEmpty(node: TreeNode): boolean {
    const { files } = this.#tree
    const open = files.open(node, { ...WRITE, read: true, truncate: false, write: false })
    const isEmpty = listEntries(files, open, 0n, 1).length === 0
    files.close(open)
    return isEmpty
  }

  #add(record: EntryRecord): void {
    const { entryKind, mode, modifyTime, path, size, target } = record
    const names = parsePath(path)
    const name = names.at(-1)
    if (entryKind === "directory") this.#directories.push({ path: names.join("/"), modifyTime })
    if (name === undefined) {
      if (entryKind !== "directory") throw new CallFailure("bad-request", "A tree begins with its directory")
      return
    }
    const { files } = this.#tree
    const directory = this.#enter(names.slice(0, -1).join("/"))
    this.files += 1
    if (entryKind === "directory") {
      const node = this.#madeDirectory(directory, name)
      files.setAttributes(node, { mode: mode & 0o7777 })
      files.release(node)
      return
    }
    if (this.#merge) this.#removeOld(directory, name)
    if (entryKind === "symlink") {
      const node = files.makeSymlink(directory, name, Buffer.from(target).toString("latin1"))
      files.setAttributes(node, { modifyTime })
      files.release(node)
      return
    }
    if (size > BigInt(TREE_LIMITS.fileBytes)) {
      throw new CallFailure("bad-request", `${size} bytes are more than a file may have: ${shownPath(names)}`)
    }
    const open = files.create(directory, name, { ...WRITE, exclusive: true }, mode & 0o7777)
    this.#writing = { open, record: { mode, modifyTime }, offset: 0, left: Number(size) }
    if (size === 0n) this.#finishFile(this.#writing)
  }

  #fill(bytes: number, write: (open: OpenNode, offset: number) => void): void {
    const writing = this.#writing
    if (writing === undefined || bytes > writing.left) {
      throw new CallFailure("bad-request", "There is more content than its file has room for")
    }
    write(writing.open, writing.offset)
    writing.offset += bytes
    writing.left -= bytes
    this.bytes += bytes
    if (writing.left === 0) this.#finishFile(writing)
  }

  #finishFile({ offset, open, record }: Writing): void {
    const { files } = this.#tree
    // Zeros at its end were not written.
    files.setAttributes(open.node, { size: offset, modifyTime: record.modifyTime })
    files.close(open)
    files.release(open.node)
    this.#writing = undefined
  }

  #expectWhole(): void {
    if (this.#writing !== undefined) throw new CallFailure("bad-request", "A file was cut off")
  }

  #enter(path: string): TreeNode {
    if (this.#directory?.path === path) return this.#directory.node
    this.#leave()
    this.#directory = { path, node: this.#walk(path) }
    return this.#directory.node
  }

  #leave(): void {
    if (this.#directory !== undefined) this.#tree.files.release(this.#directory.node)
    this.#directory = undefined
  }

  #walk(path: string): TreeNode {
    const { files } = this.#tree
    let node = files.root()
    for (const name of [...this.#to, ...(path === "" ? [] : path.split("/"))]) {
      const parent = node
      try {
        node = files.walk(parent, name as EntryName)
      } finally {
        files.release(parent)
      }
    }
    return node
  }

  #madeDirectory(parent: TreeNode, name: EntryName): TreeNode {
    const { files } = this.#tree
    try {
      return files.makeDirectory(parent, name, 0o755)
    } catch (error) {
      if (!(error instanceof FileError && error.code === "EEXIST")) throw error
    }
    const node = files.walk(parent, name)
    if (node.kind === "directory") return node
    files.release(node)
    throw new CallFailure("exists", `There is a ${node.kind} in the place of a directory`)
  }

  #removeOld(directory: TreeNode, name: EntryName): void {
    try {
      this.#tree.files.remove(directory, name, "other")
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      if (error.code === "EISDIR")
        throw new CallFailure("exists", "There is a directory in the place of a file")
      if (error.code !== "ENOENT") throw error
    }
  }
}

function isZero(content: Uint8Array): boolean {
  return content[0] === 0 && Buffer.compare(content.subarray(1), content.subarray(0, -1)) === 0
}
