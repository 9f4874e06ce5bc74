import { nothing, oneOf, struct, text } from "@skerry/wire"
import { AGENT_LIMITS } from "./agent-protocol.ts"
import { method } from "./method.ts"

/* Entries 7 to 9 of the agent's table: trees of a file server in a domain. docs/protocol/control-channel.md. */

const treeText = text({ max: AGENT_LIMITS.pathBytes })
const name = text({ max: AGENT_LIMITS.hostNameBytes })

/**
 * Mounts a tree of a file server that is reached by the virtio port of this name, which the host has just added. At
 * level vm alone. Answers when the tree can be used; the port is watched from then on: a server that is started anew
 * finds the open files again (docs/protocol/files.md). Fails with one of MountFailureCode; nothing is mounted then.
 */
export const mountTree = method({
  id: 7,
  name: "mountTree",
  params: struct({
    port: name,
    attachName: name,
    /** Absolute; made if it is missing. Where `only` is not empty: the place of that one file. */
    at: treeText,
    /** The one entry of the tree that appears, as a file at `at`; empty: the whole tree. */
    only: text({ max: 255 }),
    access: oneOf("read", "write"),
    /** "shared": others may change the tree meanwhile; "private": nobody else does. */
    sharing: oneOf("shared", "private"),
  }),
  result: nothing,
  up: nothing,
  down: nothing,
})

/** Takes it away, used or not: open files fail from then on. Answers when it is gone; unknown ports are gone already. */
export const unmountTree = method({
  id: 8,
  name: "unmountTree",
  params: struct({ port: name }),
  result: nothing,
  up: nothing,
  down: nothing,
})

/** Writes everything that mounted trees hold back to their servers; answers when that is done. Before a stop. */
export const synchroniseTrees = method({
  id: 9,
  name: "synchroniseTrees",
  params: nothing,
  result: nothing,
  up: nothing,
  down: nothing,
})

export type MountFailureCode =
  | "no-port" // the host added none of this name
  | "bad-place" // `at` cannot be made, or is no directory
  | "no-answer" // the server did not speak, or refused the tree
  | "unsupported" // at level process
