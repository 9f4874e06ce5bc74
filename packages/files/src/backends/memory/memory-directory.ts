import type { EntryName } from "../../file-tree.ts"
import type { MemoryNode } from "./memory-node.ts"

export interface MemoryEntry {
  readonly name: EntryName
  readonly cursor: number
  node: MemoryNode
}

/** Entries by name, and in the order in which they came, for reading on after any of them. */
export class MemoryDirectory {
  readonly #byName = new Map<EntryName, MemoryEntry>()
  /** By rising cursor; undefined: was removed. */
  #inOrder: (MemoryEntry | undefined)[] = []
  /** The cursors of #inOrder, which removed ones keep. */
  #cursors: number[] = []
  #nextCursor = 1
  #directories = 0

  get size(): number {
    return this.#byName.size
  }

  /** How many of the entries are directories. */
  get directories(): number {
    return this.#directories
  }

  get(name: EntryName): MemoryNode | undefined {
    return this.#byName.get(name)?.node
  }

  nodes(): Iterable<MemoryEntry> {
    return this.#byName.values()
  }

  /** A name that is taken keeps its place. */
  set(name: EntryName, node: MemoryNode): void {
    const present = this.#byName.get(name)
    if (node.kind === "directory") this.#directories += 1
    if (present !== undefined) {
      if (present.node.kind === "directory") this.#directories -= 1
      present.node = node
      return
    }
    const entry = { name, node, cursor: this.#nextCursor++ }
    this.#byName.set(name, entry)
    this.#inOrder.push(entry)
    this.#cursors.push(entry.cursor)
  }

  delete(name: EntryName): void {
    const entry = this.#byName.get(name)
    if (entry === undefined) return
    this.#byName.delete(name)
    if (entry.node.kind === "directory") this.#directories -= 1
    this.#inOrder[this.#after(entry.cursor) - 1] = undefined
    if (this.#inOrder.length > 2 * this.#byName.size + 16) this.#compact()
  }

  /** The entries behind a cursor; nothing may change meanwhile. */
  *after(cursor: number): Generator<MemoryEntry, void, undefined> {
    for (let at = this.#after(cursor); at < this.#inOrder.length; at++) {
      const entry = this.#inOrder[at]
      if (entry !== undefined) yield entry
    }
  }

  /** Where the first entry behind a cursor is. */
  #after(cursor: number): number {
    let low = 0
    let high = this.#cursors.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#cursors[middle] ?? 0) <= cursor) low = middle + 1
      else high = middle
    }
    return low
  }

  #compact(): void {
    const entries = this.#inOrder.filter((entry) => entry !== undefined)
    this.#inOrder = entries
    this.#cursors = entries.map(({ cursor }) => cursor)
  }
}
