import {
  type AttributeChanges,
  type Attributes,
  type EntryName,
  type EntrySink,
  FileError,
  type FileTree,
  type OpenMode,
  type OpenNode,
  type TreeNode,
  type TreeSpace,
} from "../../file-tree.ts"

/**
 * Of a directory one file that is in it, under its name: a root with at most this one entry. Whatever else the directory holds can
 * neither be seen nor made, and the file can't be taken away. A file that takes its place (as editors save) is the one that is
 * found from then on.
 */
export class OneFile implements FileTree {
  readonly #tree: FileTree
  readonly #name: EntryName
  /** Held for as long as the tree is. */
  readonly #root: TreeNode

  constructor(tree: FileTree, name: EntryName) {
    this.#tree = tree
    this.#name = name
    this.#root = tree.root()
  }

  root(): TreeNode {
    return this.#tree.hold(this.#root)
  }

  walk(directory: TreeNode, name: EntryName): TreeNode {
    if (directory.kind !== "directory") throw new FileError("ENOTDIR")
    if (name !== this.#name) throw new FileError("ENOENT")
    const node = this.#tree.walk(this.#root, name)
    if (node.kind === "file") return node
    this.#tree.release(node)
    throw new FileError("ENOENT")
  }

  reclaim(id: bigint, names: readonly EntryName[]): TreeNode {
    const isKnown = names.length === 0 ? id === this.#root.id : names.length === 1 && names[0] === this.#name
    if (!isKnown) throw new FileError("ESTALE")
    const node = this.#tree.reclaim(id, names)
    if (names.length === 0 || node.kind === "file") return node
    this.#tree.release(node)
    throw new FileError("ESTALE")
  }

  hold(node: TreeNode): TreeNode {
    return this.#tree.hold(node)
  }

  release(node: TreeNode): void {
    this.#tree.release(node)
  }

  attributes(node: TreeNode): Attributes {
    const attributes = this.#tree.attributes(node)
    if (node.kind !== "directory") return attributes
    return { ...attributes, mode: attributes.mode & 0o555, links: 2, size: 0, storedBytes: 0 }
  }

  setAttributes(node: TreeNode, changes: AttributeChanges): void {
    this.#tree.setAttributes(this.#file(node), changes)
  }

  open(node: TreeNode, mode: OpenMode): OpenNode {
    return this.#tree.open(node, mode)
  }

  /** Opens the file that is there. */
  create(directory: TreeNode, name: EntryName, mode: OpenMode, _permissions: number): OpenNode {
    if (name !== this.#name) throw new FileError("EPERM")
    const node = this.walk(directory, name)
    try {
      if (mode.exclusive) throw new FileError("EEXIST")
      return this.#tree.open(node, mode)
    } catch (error) {
      this.#tree.release(node)
      throw error
    }
  }

  makeDirectory(): TreeNode {
    throw new FileError("EPERM")
  }

  makeSymlink(): TreeNode {
    throw new FileError("EPERM")
  }

  readSymlink(node: TreeNode): string {
    return this.#tree.readSymlink(this.#file(node))
  }

  rename(): void {
    throw new FileError("EPERM")
  }

  remove(): void {
    throw new FileError("EPERM")
  }

  read(file: OpenNode, target: Uint8Array, offset: number): number {
    return this.#tree.read(file, target, offset)
  }

  write(file: OpenNode, bytes: Uint8Array, offset: number): number {
    return this.#tree.write(file, bytes, offset)
  }

  readDirectory(_directory: OpenNode, cursor: bigint, entries: EntrySink): void {
    if (cursor !== 0n) return
    try {
      const node = this.walk(this.#root, this.#name)
      this.#tree.release(node)
      entries.put({ name: this.#name, kind: node.kind, id: node.id, cursor: 1n })
    } catch (error) {
      // Not there, or nothing that is shown.
      if (!(error instanceof FileError)) throw error
    }
  }

  synchronise(file: OpenNode): boolean {
    return this.#tree.synchronise(file)
  }

  close(file: OpenNode): boolean {
    return this.#tree.close(file)
  }

  getAttribute(node: TreeNode, name: string): Uint8Array {
    return this.#tree.getAttribute(this.#file(node), name)
  }

  listAttributes(node: TreeNode): readonly string[] {
    return node.kind === "directory" ? [] : this.#tree.listAttributes(node)
  }

  setAttribute(node: TreeNode, name: string, value: Uint8Array, mode: "create" | "replace" | "any"): void {
    this.#tree.setAttribute(this.#file(node), name, value, mode)
  }

  removeAttribute(node: TreeNode, name: string): void {
    this.#tree.removeAttribute(this.#file(node), name)
  }

  space(): TreeSpace {
    return this.#tree.space()
  }

  commit(durable: boolean): void {
    this.#tree.commit(durable)
  }

  /** The directory itself was not granted. */
  #file(node: TreeNode): TreeNode {
    if (node.kind === "directory") throw new FileError("EPERM")
    return node
  }
}
