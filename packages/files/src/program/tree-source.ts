import type { PortHandler } from "@skerry/loop"
import type { ServedTree as WantedTree } from "@skerry/rpc"
import type { ServedTree } from "../server/served-tree.ts"

/** Where the trees that this server serves come from: a directory, or the store. */
export interface TreeSource {
  /** What may be asked besides: the store's methods. */
  readonly handlers: readonly PortHandler[]
  /** Of all clients together, where it bears fewer than NINEP_LIMITS.serverFids. */
  readonly mostFids?: number
  /** The tree, the same for all its clients. Throws an error with a code for one that cannot be served. */
  open(tree: WantedTree["tree"]): ServedTree
  /** A client has a tree no longer. */
  closed(tree: ServedTree): void
  /** Everything that was written is durable when it returns. Throws FileError. */
  synchronise(): void
  /** After synchronise(), once and last. */
  close(): void
}
