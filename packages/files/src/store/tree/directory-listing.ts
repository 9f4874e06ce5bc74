import type { DirectoryEntry, EntryName, EntrySink } from "../../file-tree.ts"
import { entriesOf } from "./directory-trie.ts"
import { STATE_TREE } from "./limits.ts"
import type { WorkNode } from "./work-node.ts"
import { entriesIn } from "./work-node.ts"
import type { WorkTree } from "./work-tree.ts"

interface Listing {
  readonly directory: WorkNode
  /** Those after `from`, in the order of their ids. */
  readonly from: bigint
  readonly entries: readonly DirectoryEntry[]
  /** There are no others after them. */
  readonly isAll: boolean
}

/**
 * Directories in the order of their entries' ids: the id is the cursor. No two entries ever have the same, nobody chooses
 * one, and an entry keeps it for as long as it exists; so nothing that is added or removed moves another.
 */
export class DirectoryListings {
  readonly #tree: WorkTree
  readonly #kept: Listing[] = []

  constructor(tree: WorkTree) {
    this.#tree = tree
  }

  read(directory: WorkNode, cursor: bigint, entries: EntrySink): void {
    let listing = cursor === 0n ? undefined : this.#kept.find((each) => holds(each, directory, cursor))
    if (listing === undefined) {
      listing = this.#gather(directory, cursor)
      this.#keep(listing)
    }
    for (let index = firstAfter(listing.entries, cursor); index < listing.entries.length; index++) {
      const entry = listing.entries[index]
      if (entry === undefined || !entries.put(entry)) return
    }
  }

  /** What was gathered is a reading's own: the next one sees the directory as it is then. */
  forget(directory: WorkNode): void {
    const kept = this.#kept.filter((each) => each.directory !== directory)
    this.#kept.splice(0, this.#kept.length, ...kept)
  }

  clear(): void {
    this.#kept.length = 0
  }

  #keep(listing: Listing): void {
    this.forget(listing.directory)
    if (listing.isAll && listing.entries.length === 0) return
    this.#kept.push(listing)
    if (this.#kept.length > STATE_TREE.listings) this.#kept.shift()
  }

  #gather(directory: WorkNode, from: bigint): Listing {
    let entries: DirectoryEntry[] = []
    let isAll = true
    const sort = () => entries.sort((left, right) => (left.id < right.id ? -1 : 1))
    for (const entry of this.#entries(directory)) {
      if (entry.id <= from) continue
      entries.push(entry)
      if (entries.length < 2 * STATE_TREE.listedEntries) continue
      entries = sort().slice(0, STATE_TREE.listedEntries)
      isAll = false
    }
    return { directory, from, entries: sort(), isAll }
  }

  *#entries(directory: WorkNode): Generator<DirectoryEntry, void, undefined> {
    const { changed, kept } = entriesIn(directory)
    for (const [name, node] of changed) if (node !== undefined) yield listed(name, node)
    for (const entry of entriesOf(this.#tree.nodes, kept?.digest)) {
      if (!changed.has(entry.name)) yield listed(entry.name, entry)
    }
  }
}

const listed = (name: string, { kind, id }: Pick<WorkNode, "kind" | "id">): DirectoryEntry => ({
  name: name as EntryName, // was one when it was made
  kind,
  id,
  cursor: id,
})

function holds({ directory, entries, from, isAll }: Listing, wanted: WorkNode, cursor: bigint): boolean {
  const last = entries.at(-1)?.id ?? from
  return directory === wanted && cursor >= from && (isAll || cursor < last)
}

function firstAfter(entries: readonly DirectoryEntry[], cursor: bigint): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle]?.id ?? 0n) <= cursor) low = middle + 1
    else high = middle
  }
  return low
}
