import { hash } from "node:crypto"
import { listEntries } from "../../entry-list.ts"
import { type EntryName, FileError, type FileTree, type TreeNode } from "../../file-tree.ts"
import type { Random } from "./disk-image.ts"

const NAMES = ["a", "b", "c", "d", "e", "f\xff", "long-".repeat(20)].map((name) => name as EntryName)
const OPEN = { read: true, write: true, append: false, truncate: false, exclusive: false }
/** Around the edges of chunks too. */
const SIZES = [0, 1, 300, 5000, 131_071, 131_072, 131_073, 300_000]
const DEPTH = 3

/** Changes of a tree that are the same each time: those that fail, fail in every tree that keeps the promises. */
export class RandomSteps {
  readonly #tree: FileTree
  readonly #random: Random

  constructor(tree: FileTree, random: Random) {
    this.#tree = tree
    this.#random = random
  }

  /** One change; returns whether it was done. */
  step(): boolean {
    const act = this.#pick([
      this.#write,
      this.#write,
      this.#write,
      this.#resize,
      this.#makeDirectory,
      this.#makeDirectory,
      this.#makeSymlink,
      this.#rename,
      this.#rename,
      this.#remove,
      this.#attributes,
      this.#extended,
      this.#many,
    ])
    try {
      act.call(this)
      return true
    } catch (error) {
      if (error instanceof FileError) return false
      throw error
    }
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random(values.length)] as T
  }

  /** A directory somewhere, held by the caller for as long as `act` runs. */
  #inDirectory<T>(act: (directory: TreeNode) => T): T {
    let node = this.#tree.root()
    const depth = this.#random(DEPTH)
    const names = Array.from({ length: depth }, () => this.#pick(NAMES))
    try {
      for (const name of names) {
        const next = this.#tree.walk(node, name)
        this.#tree.release(node)
        node = next
      }
      return act(node)
    } finally {
      this.#tree.release(node)
    }
  }

  #onNode(act: (node: TreeNode) => void): void {
    const name = this.#pick(NAMES)
    this.#inDirectory((directory) => {
      const node = this.#tree.walk(directory, name)
      try {
        act(node)
      } finally {
        this.#tree.release(node)
      }
    })
  }

  #write(): void {
    const [size, offset, seed] = [this.#pick(SIZES), this.#pick(SIZES), this.#random(256)]
    const name = this.#pick(NAMES)
    this.#inDirectory((directory) => {
      const open = this.#tree.create(directory, name, OPEN, 0o644)
      try {
        if (size > 0) this.#tree.write(open, noise(size, seed), offset)
      } finally {
        this.#tree.close(open)
        this.#tree.release(open.node)
      }
    })
  }

  #resize(): void {
    const size = this.#pick(SIZES)
    this.#onNode((node) => this.#tree.setAttributes(node, { size }))
  }

  #makeDirectory(): void {
    const name = this.#pick(NAMES)
    this.#inDirectory((directory) => this.#tree.release(this.#tree.makeDirectory(directory, name, 0o755)))
  }

  #makeSymlink(): void {
    const name = this.#pick(NAMES)
    this.#inDirectory((directory) => this.#tree.release(this.#tree.makeSymlink(directory, name, "../x")))
  }

  #rename(): void {
    const [from, to] = [this.#pick(NAMES), this.#pick(NAMES)]
    this.#inDirectory((source) => this.#inDirectory((target) => this.#tree.rename(source, from, target, to)))
  }

  #remove(): void {
    const [name, kind] = [this.#pick(NAMES), this.#pick(["directory", "other"] as const)]
    this.#inDirectory((directory) => this.#tree.remove(directory, name, kind))
  }

  #attributes(): void {
    const mode = this.#pick([0o600, 0o644, 0o755])
    this.#onNode((node) => this.#tree.setAttributes(node, { mode }))
  }

  #extended(): void {
    const [name, size] = [this.#pick(["user.a", "user.b"]), this.#pick([0, 10, 1000])]
    this.#onNode((node) => {
      if (size === 0) this.#tree.removeAttribute(node, name)
      else this.#tree.setAttribute(node, name, Buffer.alloc(size, name), "any")
    })
  }

  /** So many entries that the directory becomes a tree of nodes; or they go again. */
  #many(): void {
    const count = this.#pick([5, 150])
    const isMade = this.#random(2) === 0
    this.#inDirectory((directory) => {
      for (let index = 0; index < count; index++) {
        const name = `many-${index}` as EntryName
        if (isMade) this.#tree.release(this.#tree.makeSymlink(directory, name, "x"))
        else this.#tree.remove(directory, name, "other")
      }
    })
  }
}

function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at++) bytes[at] = (at * 31 + (at >>> 7) * seed + seed) & 0xff
  return bytes
}

/** Everything that a client can find in a tree, but for times and ids: one line for each path. */
export function dump(tree: FileTree): readonly string[] {
  const lines: string[] = []
  const pending: { readonly node: TreeNode; readonly path: string }[] = [{ node: tree.root(), path: "" }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, path } = next
    const { kind, mode, size } = tree.attributes(node)
    const extended = tree.listAttributes(node).toSorted()
    const values = extended.map(
      (name) => `${name}=${Buffer.from(tree.getAttribute(node, name)).toString("hex")}`,
    )
    const content =
      kind === "file" ? contentHash(tree, node, size) : kind === "symlink" ? tree.readSymlink(node) : ""
    const shownMode = path === "" ? "" : mode.toString(8)
    lines.push([path, kind, shownMode, content, ...values].join(" "))
    if (kind === "directory") {
      for (const name of namesIn(tree, node))
        pending.push({ node: tree.walk(node, name), path: `${path}/${name}` })
    }
    tree.release(node)
  }
  return lines.sort((a, b) => (a < b ? -1 : 1))
}

function namesIn(tree: FileTree, directory: TreeNode): readonly EntryName[] {
  const open = tree.open(directory, { ...OPEN, write: false })
  const names: EntryName[] = []
  for (let cursor = 0n; ; ) {
    const some = listEntries(tree, open, cursor, 50)
    if (some.length === 0) break
    names.push(...some.map(({ name }) => name))
    cursor = some.at(-1)?.cursor ?? 0n
  }
  tree.close(open)
  return names
}

function contentHash(tree: FileTree, node: TreeNode, size: number): string {
  const open = tree.open(node, { ...OPEN, write: false })
  const bytes = Buffer.alloc(size)
  tree.read(open, bytes, 0)
  tree.close(open)
  return `${size} ${hash("sha256", bytes)}`
}
