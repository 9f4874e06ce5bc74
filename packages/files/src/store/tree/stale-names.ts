import type { EntryName } from "../../file-tree.ts"
import { findPath, type SearchBudget } from "./find-path.ts"
import { STATE_TREE } from "./limits.ts"
import type { WorkNode } from "./work-node.ts"
import type { WorkTree } from "./work-tree.ts"

type Names = readonly EntryName[]

/** A directory that others have moved: where clients knew it, and where it is. */
interface Move {
  readonly from: Names
  readonly to: Names
}

/** Moves remembered: each is tried for each name that leads nowhere. */
const MOST_MOVES = 4

/**
 * Finds nodes whose names a client knows no longer, after the server was started anew. What is in a directory that others have moved
 * is found by where the first of it was. For all else the tree is searched, up to a bound: a client can have it searched for nothing as
 * often as it likes, and everybody waits meanwhile.
 */
export class StaleNames {
  readonly #work: WorkTree
  readonly #budget: SearchBudget = { entries: STATE_TREE.searchedEntries }
  readonly #moves: Move[] = []

  constructor(work: WorkTree) {
    this.#work = work
  }

  /** `at`: what is there by these names; what it finds and is not returned, it lets go of. */
  find(id: bigint, known: Names, at: (names: Names) => WorkNode | undefined): WorkNode | undefined {
    const tried = (names: Names) => {
      const node = at(names)
      if (node === undefined || node.id === id) return node
      this.#work.letGo(node)
      return undefined
    }
    for (const { from, to } of this.#moves) {
      if (from.length > known.length || from.some((name, index) => name !== known[index])) continue
      const moved = tried([...to, ...known.slice(from.length)])
      if (moved !== undefined) return moved
    }
    const found = findPath(this.#work.nodes, this.#work.keep(), id, this.#budget)
    if (found === undefined) return undefined
    this.#learn(known, found)
    return tried(found)
  }

  #learn(known: Names, found: Names): void {
    let same = 0
    while (same < known.length && known.at(-1 - same) === found.at(-1 - same)) same += 1
    // A file that has another name itself tells nothing of others.
    if (same === 0) return
    this.#moves.unshift({
      from: known.slice(0, known.length - same),
      to: found.slice(0, found.length - same),
    })
    this.#moves.splice(MOST_MOVES)
  }
}
