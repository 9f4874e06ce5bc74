import { randomBytes } from "node:crypto"
import type { Linux } from "@skerry/linux"
import { CallFailure } from "@skerry/rpc"
import type { TreeSource } from "../program/tree-source.ts"
import { ServedTree } from "../server/served-tree.ts"
import { stateHandlers } from "./state-handlers.ts"
import { StateKeeper } from "./state-keeper.ts"
import type { Clock } from "./tree/maintenance.ts"

export interface StoreSourceOptions {
  readonly directory: string
  /** What all of it may take on disk. */
  readonly limitBytes: number
  /** In a machine of its own: what its kernel holds dies with it, and clients go on with the next one. */
  readonly isInMachine: boolean
  readonly linux: Linux
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** Each holds a node in memory: one that is new and open takes 950 bytes of a heap of 64 MiB, of which the store needs a third. */
const MOST_FIDS = 32_768

/** The trees of a store, once it has been unlocked. */
export function storeSource(options: StoreSourceOptions): TreeSource {
  const { clock, directory, limitBytes, isInMachine, linux, log } = options
  const now = () => performance.timeOrigin + performance.now()
  const keeper = new StateKeeper({ directory, limitBytes, linux, clock, randomBytes, now, log })
  const served = new Map<string, ServedTree>()
  return {
    handlers: stateHandlers(keeper),
    mostFids: MOST_FIDS,
    open(wanted) {
      if (wanted.kind !== "state") {
        throw new CallFailure("wrong-tree", "This server serves trees of the state store, and no directory")
      }
      const tree = keeper.open.store.tree(wanted.name)
      const known = served.get(wanted.name)
      // One that was removed, and made again, is another.
      if (known?.tree === tree) return known
      const made = new ServedTree(tree, isInMachine)
      served.set(wanted.name, made)
      return made
    },
    // The store keeps it: a few tables, and no nodes that nobody holds.
    closed: () => {},
    synchronise() {
      for (const { tree } of served.values()) tree.commit(true)
    },
    close: () => keeper[Symbol.dispose](),
  }
}
