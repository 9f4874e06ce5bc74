import { NINEP_LIMITS } from "../codec/limits.ts"
import { MessageReader } from "../codec/message-reader.ts"
import type { MessageWriter } from "../codec/message-writer.ts"
import { FileError } from "../file-tree.ts"
import type { FidBudget } from "./fid-budget.ts"
import { type Fid, FidTable } from "./fid-table.ts"
import type { LockHolder } from "./lock-table.ts"
import type { AttachableTree, TreeTurn } from "./served-tree.ts"

/** What handlers of requests see of the client whose request it is. */
export class ClientState {
  readonly trees: ReadonlyMap<string, AttachableTree>
  /** The fields of the request, from its first. */
  readonly input = new MessageReader()
  /** The answer, its header written. */
  readonly output: MessageWriter
  readonly fids: FidTable
  readonly lockHolder: LockHolder = { locks: 0 }
  /** Bytes of the longest message, as agreed on by version. */
  messageBytes: number = NINEP_LIMITS.leastMessageBytes
  isVersioned = false
  /** What the answer has to wait for; undefined: nothing was changed. */
  waitsFor: TreeTurn | undefined

  constructor(trees: ReadonlyMap<string, AttachableTree>, output: MessageWriter, budget: FidBudget) {
    this.trees = trees
    this.output = output
    this.fids = new FidTable(budget)
  }

  /** It had these trees with the server before this one: others wait for a lock until it has its own again. */
  beginReclaiming(): void {
    for (const { served } of this.trees.values()) served.locks.reclaiming.add(this.lockHolder)
  }

  endReclaiming(): void {
    for (const { served } of this.trees.values()) served.locks.reclaiming.delete(this.lockHolder)
  }

  /** A fid whose tree may be changed: EROFS otherwise, before the tree hears of it. */
  changeable(number: number): Fid {
    const fid = this.fids.get(number)
    if (fid.tree.access !== "write") throw new FileError("EROFS")
    return fid
  }

  /** The fid's tree was changed; the answer leaves when that is as safe as `isDurable` says. */
  changed(fid: Fid, isDurable = false): void {
    this.waitsFor = fid.tree.served.changed(isDurable)
  }

  /** Ends everything that the client holds. */
  reset(): void {
    this.fids.clear()
    this.isVersioned = false
    this.messageBytes = NINEP_LIMITS.leastMessageBytes
  }
}

/** Reads a request's fields to the last, then acts, then writes the answer's. Throws FileError, ProtocolError. */
export type Handler = (client: ClientState) => void

/** What the fid has open. EBADF otherwise. */
export function openOf(fid: Fid): Extract<Fid["use"], { kind: "open" }> {
  if (fid.use.kind !== "open") throw new FileError("EBADF")
  return fid.use
}

/** EBADF for a fid that is something else than the name of a node. */
export function expectUnused(fid: Fid): void {
  if (fid.use.kind !== "none") throw new FileError("EBADF")
}
