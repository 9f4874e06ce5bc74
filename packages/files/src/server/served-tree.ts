import { FileError, type FileErrorCode, type FileTree } from "../file-tree.ts"
import { LockTable } from "./lock-table.ts"

/** What was changed in a tree since its last commit, by whomever; answers wait for what became of it. */
export interface TreeTurn {
  /** Set by the commit; undefined: it went well. */
  failure: FileErrorCode | undefined
  isDurable: boolean
}

/** One tree with what its clients share. Each tree is committed once in a turn, whatever number of clients changed it. */
export class ServedTree {
  readonly tree: FileTree
  readonly locks: LockTable
  readonly #isAlwaysDurable: boolean
  #turn: TreeTurn | undefined

  /** `isAlwaysDurable`: nothing is answered before it is on disk, whether it was asked for or not. */
  constructor(tree: FileTree, isAlwaysDurable = false, locks = new LockTable()) {
    this.tree = tree
    this.locks = locks
    this.#isAlwaysDurable = isAlwaysDurable
  }

  /** Says that there is something to commit. */
  changed(isDurable: boolean): TreeTurn {
    this.#turn ??= { failure: undefined, isDurable: false }
    if (isDurable) this.#turn.isDurable = true
    return this.#turn
  }

  /** Commits what was changed; how it went is in its turn. */
  commit(): void {
    const turn = this.#turn
    if (turn === undefined) return
    this.#turn = undefined
    try {
      this.tree.commit(turn.isDurable || this.#isAlwaysDurable)
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      turn.failure = error.code
    }
  }
}

/** A tree as one client may use it. */
export interface AttachableTree {
  readonly served: ServedTree
  readonly access: "read" | "write"
}
