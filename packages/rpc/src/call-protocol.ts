import { bool, type Decoded, nothing, struct, text, u8, u32, union } from "@skerry/wire"
import { method } from "./method.ts"

/*
 * Calls of services: caller → its agent → skerryd → the target's agent → service. A program in a domain speaks it to
 * /run/skerry/call.sock, the agent passes it on over the control channel, the CLI speaks it to the daemon's socket.
 * docs/protocol/calls.md is the specification.
 */

export const CALL_LIMITS = {
  /** Bytes of a service's name and its argument together: what the reference takes, and what fits one frame. */
  serviceBytes: 60_000,
  /** Bytes of a target: a name, or a keyword with a name in it. */
  targetBytes: 128,
  /** Bytes of a domain's name. */
  nameBytes: 64,
} as const

/** Why a call did not run; a service that ran gives an exit status instead. */
export type ServiceCallErrorCode =
  | "refused" // by policy, by the user, or because nobody answered (126)
  | "bad-request" // a service, argument or target that cannot be (125)
  | "too-many-calls" // the source's limits are reached (125)
  | "unavailable" // the target could not be started, or ended under the call (125)
  | "cancelled" // the caller gave it up
  | "deadline" // the caller's deadline passed (125)
  | "loop" // calls that call each other went too deep (125)

const SERVICE_NAME = /^[A-Za-z0-9_.-]+$/
const ARGUMENT = /^[A-Za-z0-9_.+-]*$/
const TARGET = /^[A-Za-z0-9_.@:-]*$/

const CallFields = struct({
  service: text({ max: CALL_LIMITS.serviceBytes }),
  /** Without the "+"; empty where there is none. */
  argument: text({ max: CALL_LIMITS.serviceBytes }),
  target: text({ max: CALL_LIMITS.targetBytes }),
  /** For the whole call, from when it arrives; 0: none. */
  deadlineMs: u32,
  /** SKERRY_CALL_ID of the service that calls, so that calls which call each other are counted; else empty. */
  parent: text({ max: CALL_LIMITS.nameBytes }),
  /** The caller wants to hear of the call's progress; else it hears of its end alone, which costs less. */
  progress: bool,
  /** The program can use pipes in place of the streams stdin and stdout, should both domains be able to. */
  pipes: bool,
})
export type CallParams = Decoded<typeof CallFields>

/**
 * Why these params name no call, for people; undefined if they do: checked where a call is decided, and nowhere else.
 * The reference replaces any other character by "_", which lets two arguments become one; here they are refused.
 */
export function findCallProblem({ service, argument, target }: CallParams): string | undefined {
  if (!SERVICE_NAME.test(service)) {
    return `A service's name has letters, digits and "_", ".", "-" only: ${quoted(service)} is none`
  }
  if (!ARGUMENT.test(argument)) {
    return `A service's argument has letters, digits and "_", ".", "+", "-" only: ${quoted(argument)} is none`
  }
  if (!TARGET.test(target)) return `${quoted(target)} is no name of a target`
  if (service.length + argument.length > CALL_LIMITS.serviceBytes) {
    return `A service's name and argument take ${service.length + argument.length} bytes, ${CALL_LIMITS.serviceBytes} are allowed`
  }
  return undefined
}

const quoted = (text: string) => JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)

/** What the caller hears before the end, where it wants to. */
export const CallDown = union({
  /** The user is being asked. */
  asking: nothing,
  /** It is allowed; the target's domain is being started if need be. Which one it is, the caller is not told. */
  allowed: nothing,
  /** The service runs: what is written now reaches it. */
  started: nothing,
  /** Daemon to agent: stdin and stdout are pipes, which came over the descriptor socket under this label. */
  handed: struct({ label: u32 }),
  /** Agent to program: the same pipes, as descriptors of this process. The program opens them, and says `taken`. */
  pipes: struct({ process: u32, stdin: u32, stdout: u32 }),
})
export type CallDown = Decoded<typeof CallDown>

export const CallUp = union({
  /** Program to agent: it has opened the pipes. */
  taken: nothing,
})

export type CallUp = Decoded<typeof CallUp>

/** Served by the agent on /run/skerry/call.sock and by the daemon to each agent; ADMIN.call is the same for the host. */
export const call = method({
  id: 1,
  name: "call",
  params: CallFields,
  /** The service's exit status; a service ended by signal N has 128 + N; 127: the target has no such service. */
  result: struct({ exitCode: u8 }),
  up: CallUp,
  down: CallDown,
})
