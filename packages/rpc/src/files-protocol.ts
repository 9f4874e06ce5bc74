import { type Decoded, listOf, nothing, oneOf, struct, text, u32, union } from "@skerry/wire"
import { method } from "./method.ts"
import { STATE_LIMITS, STATE_METHODS } from "./state-protocol.ts"

/*
 * Daemon → file server. The server trusts the daemon; the daemon does not trust the server, which parses what guests
 * send. Descriptors come by sendDescriptors() under the label that a call names (level process), or are virtio ports of
 * the server's machine that are named so (level vm). docs/protocol/files.md.
 */

export const FILES_LIMITS = {
  /** Trees that one client may attach. */
  trees: 32,
  /** Bytes of the name that a client attaches a tree by. */
  attachNameBytes: 64,
} as const

const attachName = text({ max: FILES_LIMITS.attachNameBytes })

/** What one client may attach, by name. */
export const ServedTree = struct({
  attachName,
  access: oneOf("read", "write"),
  tree: union({
    /** A tree of the store, made if it is not there. */
    state: struct({ name: text({ max: STATE_LIMITS.treeBytes }) }),
    /** The directory whose handle the server was started with; `only`: nothing in it but this one file. */
    directory: struct({ only: text({ max: 255 }) }),
  }),
})
export type ServedTree = Decoded<typeof ServedTree>

export const FILES = {
  /** Serves 9P2000.L to a client on the descriptor of this label; it may attach these trees. Answers at once. */
  serve: method({
    id: 1,
    name: "serve",
    params: struct({ client: u32, trees: listOf(ServedTree, { max: FILES_LIMITS.trees }) }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  /** The client's connection ends, its open files are closed, and what it wrote is durable when this answers. */
  drop: method({
    id: 2,
    name: "drop",
    params: struct({ client: u32 }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  /** One line of FilesStatus. */
  status: method({ id: 3, name: "status", params: nothing, result: nothing, up: nothing, down: nothing }),
  /** Everything is made durable, then the server ends. */
  end: method({ id: 4, name: "end", params: nothing, result: nothing, up: nothing, down: nothing }),
  /** As serve, for a client that had them with the server before: its locks are nobody else's until it has asked for them. */
  serveAgain: method({
    id: 5,
    name: "serveAgain",
    params: struct({ client: u32, trees: listOf(ServedTree, { max: FILES_LIMITS.trees }) }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  ...STATE_METHODS,
} as const

export interface FilesStatus {
  readonly pid: number
  readonly clients: readonly { readonly client: number; readonly fids: number; readonly requests: number }[]
  readonly memoryBytes: number
}
