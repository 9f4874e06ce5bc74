import { NINEP_LIMITS } from "../codec/limits.ts"
import { OPEN } from "../codec/messages.ts"
import { FileError, type OpenMode, type OpenNode, type TreeNode } from "../file-tree.ts"
import type { FidBudget } from "./fid-budget.ts"
import type { AttachableTree } from "./served-tree.ts"

/** What a fid is used for, besides naming a node. */
export type FidUse =
  | { readonly kind: "none" }
  | {
      readonly kind: "open"
      readonly open: OpenNode
      readonly mode: OpenMode
      /** Each write waits until it is durable. */
      readonly isSynchronous: boolean
    }
  | { readonly kind: "attribute-read"; readonly value: Uint8Array }
  | {
      readonly kind: "attribute-write"
      readonly name: string
      readonly mode: "create" | "replace" | "any"
      readonly value: Buffer
      /** Bytes from the start of `value` that were written, without a gap. */
      written: number
    }

export const NO_USE: FidUse = { kind: "none" }

export interface Fid {
  readonly tree: AttachableTree
  node: TreeNode
  use: FidUse
  hasLocks: boolean
}

/** One client's fids: each holds its node, and what it has open. */
export class FidTable {
  readonly #fids = new Map<number, Fid>()
  readonly #budget: FidBudget
  #open = 0
  #attributeBytes = 0

  constructor(budget: FidBudget) {
    this.#budget = budget
  }

  get size(): number {
    return this.#fids.size
  }

  /** EBADF where the client has none of this number. */
  get(number: number): Fid {
    const fid = this.#fids.get(number)
    if (fid === undefined) throw new FileError("EBADF")
    return fid
  }

  /** That a fid of this number may be made: EBADF where there is one, EMFILE where there are too many. */
  expectFree(number: number): void {
    if (this.#fids.has(number)) throw new FileError("EBADF")
    if (!this.#budget.hasRoom(this.#fids.size)) throw new FileError("EMFILE")
  }

  /** Takes the hold of `node` over; after expectFree(). */
  add(number: number, tree: AttachableTree, node: TreeNode, use: FidUse = NO_USE): Fid {
    const fid = { tree, node, use, hasLocks: false }
    this.#fids.set(number, fid)
    this.#budget.take(1)
    return fid
  }

  /** That one more fid may be open. */
  expectOpenable(): void {
    if (this.#open >= NINEP_LIMITS.openFids) throw new FileError("EMFILE")
  }

  /** `flags` as the client gave them. */
  opened(fid: Fid, open: OpenNode, mode: OpenMode, flags: number): void {
    this.#open += 1
    fid.use = { kind: "open", open, mode, isSynchronous: (flags & OPEN.synchronous) !== 0 }
  }

  /** Room for values of extended attributes: ENOSPC where a client holds too many. It is given back by remove(). */
  takeAttributeBytes(count: number): void {
    if (this.#attributeBytes + count > NINEP_LIMITS.attributeBytes) throw new FileError("ENOSPC")
    this.#attributeBytes += count
  }

  /** Ends a fid and what it holds. True: what was written through it is durable only once the tree is. */
  remove(number: number): boolean {
    const fid = this.get(number)
    this.#fids.delete(number)
    this.#budget.take(-1)
    return this.#end(fid)
  }

  /** Ends all. The trees that have something to make durable get it marked so. */
  clear(): void {
    this.#budget.take(-this.#fids.size)
    for (const fid of this.#fids.values()) fid.tree.served.changed(this.#end(fid))
    this.#fids.clear()
  }

  #end(fid: Fid): boolean {
    const { tree, locks } = fid.tree.served
    let isUnfinished = false
    if (fid.hasLocks) locks.release(fid.node, fid)
    if (fid.use.kind === "open") {
      this.#open -= 1
      isUnfinished = tree.close(fid.use.open)
    } else if (fid.use.kind !== "none") this.#attributeBytes -= fid.use.value.length
    tree.release(fid.node)
    return isUnfinished
  }
}
