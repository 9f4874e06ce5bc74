import {
  bool,
  type Decoded,
  listOf,
  nothing,
  oneOf,
  optional,
  struct,
  text,
  u8,
  u16,
  u32,
  union,
} from "@skerry/wire"
import { AUDIT_METHODS } from "./audit-protocol.ts"
import { call } from "./call-protocol.ts"
import { CLIPBOARD_METHODS } from "./clipboard-protocol.ts"
import { DIRECTORY_METHODS } from "./directory-protocol.ts"
import { method } from "./method.ts"
import { PROMPT_METHODS } from "./prompt-protocol.ts"
import { STATE_METHODS } from "./state-protocol.ts"

/*
 * CLI and web page → daemon, over a Unix socket that only the same account (and root) can open.
 *
 * To add a message: an entry in ADMIN below with the next free id, its handler in daemon/src/service.ts, and its
 * paragraph in docs/protocol/admin.md. Ids are never used again.
 *
 * Lists come as one JSON object per line on the call's stdout stream, so that they have flow control and no bound
 * of their own; their types are at the end of this file. The daemon is trusted by its clients.
 */

export const ADMIN_LIMITS = {
  /** Words of a command line, and bytes of one: together they must fit into one frame. */
  argvWords: 4096,
  wordBytes: 60 * 1024,
  environment: 512,
  nameBytes: 64,
  pathBytes: 4096,
  messageBytes: 4096,
  /** Reasons that prepare gives; of more it gives the first. */
  unusable: 8,
} as const

export type AdminErrorCode =
  | "not-built" // there is no generation yet
  | "unknown-instance" // the current generation has no instance of that name
  | "unknown-domain" // no domain of that name runs
  | "bad-request" // a name or value that cannot be
  | "full" // a limit of settings.limits is reached
  | "unusable" // this host has no backend for the instance's level of isolation
  | "start-failed" // the domain could not be made
  | "domain-failed" // the domain ended under the command
  | "wrong-state" // paused, or on its way to its end
  | "unavailable" // the audit log cannot be written, so nothing is granted
  | "command-not-found" // no such program in the image
  | "command-not-executable"
  | "cancelled"
  | "ending" // the daemon is on its way to its end
  | "internal"

const name = text({ max: ADMIN_LIMITS.nameBytes })
const path = text({ max: ADMIN_LIMITS.pathBytes })
const word = text({ max: ADMIN_LIMITS.wordBytes })
const message = text({ max: ADMIN_LIMITS.messageBytes })

export const TerminalSize = struct({ rows: u16, columns: u16 })

/** What to run in a domain, and how. */
export const CommandSpec = struct({
  /** Empty: the application's own command. */
  argv: listOf(word, { max: ADMIN_LIMITS.argvWords }),
  /** Added to the application's own. */
  environment: listOf(struct({ name: word, value: word }), { max: ADMIN_LIMITS.environment }),
  terminal: optional(struct({ rows: u16, columns: u16, type: name })),
  workingDirectory: optional(path),
  user: optional(oneOf("user", "root")),
  /** Standard input, output and error can be handed over as host pipes, if the daemon wants them. */
  offersDescriptors: bool,
})
export type CommandSpec = Decoded<typeof CommandSpec>

const CommandResult = struct({ exit: union({ code: struct({ code: u8 }), signal: struct({ signal: u8 }) }) })
export type CommandResult = Decoded<typeof CommandResult>

const CommandUp = union({
  signal: struct({ signal: u8 }),
  resize: TerminalSize,
  /** The descriptors were sent over descriptors.sock under the token that was asked for. */
  descriptorsSent: nothing,
  /** They cannot be: go on with this call's streams. */
  descriptorsRefused: nothing,
})
export type CommandUp = Decoded<typeof CommandUp>

const CommandDown = union({
  /** Sent now and then while the domain starts: the state of its lifecycle, and how many starts are waiting. */
  waiting: struct({ state: name, inLine: u32 }),
  /** The command runs: signals reach it from now on. */
  started: struct({ domain: name, pid: u32 }),
  descriptorsWanted: struct({ token: name }),
})
export type CommandDown = Decoded<typeof CommandDown>

/** So many of the templates that were asked for are ready; `what` is the instance whose turn it is. */
const PrepareDown = struct({ what: message, done: u32, total: u32 })

export const ADMIN = {
  /** Runs a command in an instance's domain, which is started if need be. */
  run: method({
    id: 1,
    name: "run",
    params: struct({ instance: name, isDisposable: bool, command: CommandSpec }),
    result: CommandResult,
    up: CommandUp,
    down: CommandDown,
  }),
  /** Starts an instance's domain, runs nothing in it; the domain's id. */
  start: method({
    id: 2,
    name: "start",
    params: struct({ instance: name }),
    result: struct({ domain: name }),
    up: nothing,
    down: CommandDown,
  }),
  /** Runs a command in a domain that runs already. */
  exec: method({
    id: 3,
    name: "exec",
    params: struct({ domain: name, command: CommandSpec }),
    result: CommandResult,
    up: CommandUp,
    down: CommandDown,
  }),
  /** Lines of DomainRow on stdout. */
  ps: method({ id: 4, name: "ps", params: nothing, result: nothing, up: nothing, down: nothing }),
  /** Lines of LogRow on stdout; with `follow` until cancelled. Empty name: of all domains. */
  logs: method({
    id: 5,
    name: "logs",
    params: struct({ domain: name, follow: bool }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  /** Resolves when the domain has ended. */
  stop: method({
    id: 6,
    name: "stop",
    params: struct({ domain: name, force: bool }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  pause: method({
    id: 7,
    name: "pause",
    params: struct({ domain: name }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  resume: method({
    id: 8,
    name: "resume",
    params: struct({ domain: name }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  /** Makes the templates of these instances; where the list is empty, of all whose level this host can give. */
  prepare: method({
    id: 9,
    name: "prepare",
    params: struct({ instances: listOf(name, { max: 16_384 }) }),
    /** `unusable` says for each instance that was left out why. */
    result: struct({ prepared: u32, unusable: listOf(message, { max: ADMIN_LIMITS.unusable }) }),
    up: nothing,
    down: PrepareDown,
  }),
  /** One line of DaemonStatus on stdout. */
  status: method({ id: 10, name: "status", params: nothing, result: nothing, up: nothing, down: nothing }),
  /**
   * Starts a domain of its own and ends it again: microseconds from the request to the agent's first answer. `boot`
   * does it the long way, without a template. For `skerry bench`.
   */
  measure: method({
    id: 12,
    name: "measure",
    params: struct({ instance: name, boot: bool }),
    result: struct({ microseconds: u32 }),
    up: nothing,
    down: nothing,
  }),
  /** Calls a service of a domain, as the host: docs/protocol/calls.md. */
  call: method({ ...call, id: 13 }),
  /** Ends every domain, then the daemon. */
  shutDown: method({
    id: 11,
    name: "shutDown",
    params: nothing,
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  ...PROMPT_METHODS,
  ...AUDIT_METHODS,
  ...CLIPBOARD_METHODS,
  ...STATE_METHODS,
  ...DIRECTORY_METHODS,
} as const

export interface DomainRow {
  readonly domain: string
  readonly instance: string
  readonly isDisposable: boolean
  /** As in the lifecycle: queued, preparing, starting, identifying, running, pausing, paused, resuming, stopping. */
  readonly state: string
  /** What is in force, not what was asked for. */
  readonly isolation: "vm" | "process"
  readonly backend: string
  readonly acceleration: string
  readonly generation: number
  readonly image: string
  readonly pid: number | undefined
  readonly uid: number | undefined
  /** Since the domain answered. */
  readonly uptimeMs: number
  /** Its share of the host's memory (PSS); undefined where the host does not say. */
  readonly memoryBytes: number | undefined
  readonly commands: readonly { readonly pid: number; readonly argv: readonly string[] }[]
}

export interface LogRow {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly domain: string
  /** "domain": the daemon about it; "console": printed by the guest, already escaped; "command"; "lost": lines dropped. */
  readonly kind: "domain" | "console" | "command" | "lost"
  readonly text: string
}

export interface DaemonStatus {
  readonly pid: number
  readonly version: string
  readonly uptimeMs: number
  readonly generation: number | undefined
  readonly backends: readonly {
    readonly level: "vm" | "process"
    readonly name: string
    readonly acceleration: string | undefined
    /** Why it cannot be used; undefined where it can. */
    readonly problem: string | undefined
  }[]
  readonly domains: number
  readonly starting: number
  readonly waiting: number
  readonly templates: number
  readonly standby: number
  readonly memoryBytes: number
}
