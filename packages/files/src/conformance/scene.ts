import assert from "node:assert/strict"
import { entryNameOf, parseEntryName } from "../codec/entry-name.ts"
import { listEntries } from "../entry-list.ts"
import {
  type DirectoryEntry,
  type EntryName,
  FileError,
  type FileErrorCode,
  type FileTree,
  type OpenMode,
  type OpenNode,
  type TreeNode,
} from "../file-tree.ts"

/** A fresh, empty tree that may be written to; disposing of it ends it. */
export interface TreeFixture extends Disposable {
  readonly tree: FileTree
}

export interface TreeTarget {
  readonly open: () => TreeFixture
  /** With room for so many bytes of content, more or less; absent: the back end has no bound of its own. */
  readonly openSmall?: (bytes: number) => TreeFixture
}

export const named = (text: string): EntryName => entryNameOf(text)
/** A name of these bytes, one a character. */
export const bytesNamed = (bytes: string): EntryName => parseEntryName(bytes)

export const READ: OpenMode = { read: true, write: false, append: false, truncate: false, exclusive: false }
export const WRITE: OpenMode = { ...READ, write: true }

export function expectCode(expected: FileErrorCode | readonly FileErrorCode[], action: () => unknown): void {
  const codes: readonly FileErrorCode[] = typeof expected === "string" ? [expected] : expected
  assert.throws(action, (error) => {
    assert.ok(error instanceof FileError, String(error))
    assert.ok(codes.includes(error.code), `${error.code} instead of ${codes.join(" or ")}`)
    return true
  })
}

/** A tree with what tests do to it, in few words. What is held here is released at the end. */
export class Scene implements Disposable {
  readonly tree: FileTree
  readonly root: TreeNode
  readonly #held: TreeNode[] = []
  readonly #open = new Set<OpenNode>()

  constructor(tree: FileTree) {
    this.tree = tree
    this.root = this.keep(tree.root())
  }

  [Symbol.dispose](): void {
    for (const open of this.#open) this.tree.close(open)
    for (const node of this.#held) this.tree.release(node)
    this.tree.commit(false)
  }

  keep<T extends TreeNode>(node: T): T {
    this.#held.push(node)
    return node
  }

  keepOpen(open: OpenNode): OpenNode {
    this.#open.add(open)
    return open
  }

  close(open: OpenNode): void {
    assert.ok(this.#open.delete(open))
    this.tree.close(open)
  }

  walk(directory: TreeNode, ...names: readonly string[]): TreeNode {
    let node = directory
    for (const name of names) node = this.keep(this.tree.walk(node, named(name)))
    return node
  }

  directory(parent: TreeNode, name: string): TreeNode {
    return this.keep(this.tree.makeDirectory(parent, named(name), 0o755))
  }

  /** A file that is closed again. */
  file(parent: TreeNode, name: string, content = ""): TreeNode {
    const open = this.create(parent, named(name))
    if (content !== "") this.tree.write(open, Buffer.from(content, "latin1"), 0)
    this.close(open)
    return open.node
  }

  create(parent: TreeNode, name: EntryName, mode: OpenMode = { ...WRITE, exclusive: true }): OpenNode {
    const open = this.keepOpen(this.tree.create(parent, name, mode, 0o644))
    this.keep(open.node)
    return open
  }

  open(node: TreeNode, mode: OpenMode = READ): OpenNode {
    return this.keepOpen(this.tree.open(node, mode))
  }

  write(open: OpenNode, text: string, offset: number): void {
    assert.equal(this.tree.write(open, Buffer.from(text, "latin1"), offset), text.length)
  }

  readOpen(open: OpenNode, offset = 0, most = 1024 * 1024): string {
    const target = Buffer.alloc(most, "?")
    return target.subarray(0, this.tree.read(open, target, offset)).toString("latin1")
  }

  content(node: TreeNode): string {
    const open = this.open(node)
    const text = this.readOpen(open)
    this.close(open)
    return text
  }

  size(node: TreeNode): number {
    return this.tree.attributes(node).size
  }

  entries(directory: TreeNode, batch = 64): DirectoryEntry[] {
    const open = this.open(directory)
    const all: DirectoryEntry[] = []
    for (;;) {
      const more = listEntries(this.tree, open, all.at(-1)?.cursor ?? 0n, batch)
      if (more.length === 0) break
      all.push(...more)
    }
    this.close(open)
    return all
  }

  names(directory: TreeNode): string[] {
    const names = this.entries(directory).map(({ name }): string => name)
    return names.sort((a, b) => (a < b ? -1 : 1))
  }

  remove(parent: TreeNode, name: string, kind: "directory" | "other" = "other"): void {
    this.tree.remove(parent, named(name), kind)
  }

  rename(from: TreeNode, name: string, to: TreeNode, newName: string): void {
    this.tree.rename(from, named(name), to, named(newName))
  }
}
