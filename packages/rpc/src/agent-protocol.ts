import {
  bool,
  bytes,
  type Codec,
  checked,
  type Decoded,
  listOf,
  nothing,
  oneOf,
  optional,
  ProtocolError,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from "@skerry/wire"
import { CALL_LIMITS } from "./call-protocol.ts"
import { method } from "./method.ts"

/** Changes when daemon and agent would misunderstand each other; an agent of another version is not used. */
export const AGENT_PROTOCOL_VERSION = 3

/** Bounds of the agent's messages. */
export const AGENT_LIMITS = {
  /** Items of an argument vector: bounds what is decoded for one frame. */
  argvItems: 4096,
  /** Environment variables of one command. */
  environmentItems: 1024,
  /** UTF-8 bytes of argv and environment together: a call fits one frame with all else that it holds. */
  commandBytes: 60 * 1024,
  /** UTF-8 bytes of a working directory: Linux's PATH_MAX. */
  pathBytes: 4096,
  /** UTF-8 bytes of a host name: Linux's HOST_NAME_MAX. */
  hostNameBytes: 64,
  /** Hexadecimal digits of a machine-id. */
  machineIdBytes: 32,
  /** Bytes of entropy in one identify, at least: less does not make a clone's random numbers its own. */
  leastEntropyBytes: 32,
  /** Bytes of entropy in one identify: twice what the kernel's generator holds. */
  entropyBytes: 64,
  /** UTF-8 bytes of a terminal's type, as in TERM. */
  terminalTypeBytes: 64,
  /** UTF-8 bytes of a boot id. */
  bootIdBytes: 64,
  /** UTF-8 bytes of one remark about something that the agent could not set. */
  remarkBytes: 256,
  /** Remarks of one identify. */
  remarks: 16,
} as const

const commandText = text({ max: AGENT_LIMITS.commandBytes })

const Argv = listOf(commandText, { max: AGENT_LIMITS.argvItems })
/** A variable's name, then its value. */
const Variable: Codec<[string, string]> = {
  encode(writer, [name, value]) {
    commandText.encode(writer, name)
    commandText.encode(writer, value)
  },
  decode: (reader) => [commandText.decode(reader), commandText.decode(reader)],
}
const Terminal = struct({ rows: u16, columns: u16, type: text({ max: AGENT_LIMITS.terminalTypeBytes }) })

const ExecFields = struct({
  /** argv[0] is looked up in the command's PATH; not empty. */
  argv: Argv,
  /** Added to the agent's own PATH, HOME, USER, LOGNAME, SHELL and TERM, or put in their place. */
  environment: listOf(Variable, { max: AGENT_LIMITS.environmentItems }),
  /** Absolute; empty: the account's home. */
  workingDirectory: text({ max: AGENT_LIMITS.pathBytes }),
  user: oneOf("user", "root"),
  terminal: optional(Terminal),
  /** stdin, stdout, stderr are host descriptors that came over the descriptor socket, not streams of this call. */
  descriptors: bool,
})
export type ExecParams = Decoded<typeof ExecFields>

/** An environment that names a variable twice, an empty argv or NUL cannot be run: they break the protocol. */
export const ExecParams: Codec<ExecParams> = {
  encode(writer, params) {
    const problem = findExecProblem(params)
    if (problem !== undefined) throw new RangeError(problem)
    ExecFields.encode(writer, params)
  },
  decode(reader) {
    const params = ExecFields.decode(reader)
    const problem = findExecProblem(params)
    if (problem !== undefined) throw new ProtocolError("bad-value", problem)
    return params
  },
}

/** Why these params cannot be sent, for people; undefined if they can. */
export function findExecProblem(params: ExecParams): string | undefined {
  const { argv, environment, workingDirectory } = params
  if (argv.length === 0 || argv[0] === "") return "A command needs a name to run"
  let byteCount = 0
  let hasNul = workingDirectory.includes("\0")
  const names = new Set<string>()
  const count = (each: string) => {
    byteCount += Buffer.byteLength(each)
    hasNul ||= each.includes("\0")
  }
  for (const each of argv) count(each)
  for (const [name, value] of environment) {
    if (name === "" || name.includes("=")) {
      return `An environment variable's name is not empty and has no "="`
    }
    names.add(name)
    count(name)
    count(value)
  }
  if (hasNul) return "A command's arguments, environment and directory cannot contain NUL"
  if (byteCount > AGENT_LIMITS.commandBytes) {
    return `Arguments and environment take ${byteCount} bytes, ${AGENT_LIMITS.commandBytes} are allowed`
  }
  if (names.size < environment.length) return "An environment variable is given twice"
  if (workingDirectory !== "" && !workingDirectory.startsWith("/")) {
    return `The working directory ${JSON.stringify(workingDirectory)} does not start with "/"`
  }
  if (params.descriptors && params.terminal !== undefined) return "A terminal cannot use host descriptors"
  return undefined
}

/** 1 to 64, as Linux numbers them. */
const signalNumber = checked(u8, (number) => number >= 1 && number <= 64, "A signal's number")

export const Exit = union({
  code: struct({ code: u8 }),
  signal: struct({ signal: signalNumber }),
})
export type Exit = Decoded<typeof Exit>

export const ExecUp = union({
  /** To the command's process group. */
  signal: struct({ number: signalNumber }),
  resize: struct({ rows: u16, columns: u16 }),
})
export type ExecUp = Decoded<typeof ExecUp>

/** 0: a server's process that is not ours. */
export const ExecDown = union({ started: struct({ pid: u32 }) })
export type ExecDown = Decoded<typeof ExecDown>

/** What the agent's failures of `exec` are called; anything else is "internal". */
export type ExecFailureCode =
  | "not-found" // no such command (a shell's 127)
  | "not-executable" // found, but it cannot be run (a shell's 126)
  | "bad-directory" // the working directory is missing or closed to the user
  | "not-permitted" // root was asked for where the agent has no root to give
  | "not-identified" // the domain is a fresh machine that was not identified
  | "no-descriptors" // host descriptors were announced and did not come, or the agent takes none
  | "spawn-failed"

/** What the agent's failures of `service` are called. */
export type ServiceFailureCode =
  | Exclude<ExecFailureCode, "no-descriptors">
  | "bad-service" // its configuration, or the link that it is, does not say what to do
  | "no-answer" // nobody serves its socket

/** Checked by hand: a first regular expression costs a clone as much as all else that is decoded there. */
function hasOnly(text: string, characters: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (!characters.includes(text.charAt(index))) return false
  }
  return true
}

function isDnsLabel(name: string): boolean {
  if (name === "" || name.startsWith("-") || name.endsWith("-")) return false
  return hasOnly(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
}

/** Seconds must fit what the kernel's clock takes: below 2^62 ns, the year 2116. */
const wallClock = checked(u64, (nanoseconds) => nanoseconds < 1n << 62n, "A wall clock")

export const IdentifyParams = struct({
  entropy: checked(
    bytes({ max: AGENT_LIMITS.entropyBytes }),
    (entropy) => entropy.length >= AGENT_LIMITS.leastEntropyBytes,
    "Entropy",
  ),
  /** Since 1970. */
  wallClockNs: wallClock,
  /** One DNS label. */
  hostName: checked(text({ max: AGENT_LIMITS.hostNameBytes }), isDnsLabel, "A host name"),
  /** 32 lower-case hexadecimal digits. */
  machineId: checked(
    text({ max: AGENT_LIMITS.machineIdBytes }),
    (id) => id.length === AGENT_LIMITS.machineIdBytes && hasOnly(id, "0123456789abcdef"),
    "A machine-id",
  ),
})
export type IdentifyParams = Decoded<typeof IdentifyParams>

export const ping = method({
  id: 1,
  name: "ping",
  params: struct({ version: u32 }),
  result: struct({ version: u32, bootId: text({ max: AGENT_LIMITS.bootIdBytes }) }),
  up: nothing,
  down: nothing,
})

/** Makes a fresh clone a machine of its own: before it nothing runs that could draw a secret. */
export const identify = method({
  id: 2,
  name: "identify",
  params: IdentifyParams,
  result: struct({
    bootId: text({ max: AGENT_LIMITS.bootIdBytes }),
    /** What could not be set here, and why; always empty at level vm, where that fails the call instead. */
    remarks: listOf(text({ max: AGENT_LIMITS.remarkBytes }), { max: AGENT_LIMITS.remarks }),
  }),
  up: nothing,
  down: nothing,
})

export const setClock = method({
  id: 3,
  name: "setClock",
  params: struct({ wallClockNs: wallClock }),
  result: nothing,
  up: nothing,
  down: nothing,
})

export const exec = method({
  id: 4,
  name: "exec",
  params: ExecParams,
  result: struct({ exit: Exit }),
  up: ExecUp,
  down: ExecDown,
})

export const shutdown = method({
  id: 5,
  name: "shutdown",
  params: nothing,
  result: nothing,
  up: nothing,
  down: nothing,
})

const ServiceDown = union({
  started: struct({ pid: u32 }),
  /** It runs, on the call's streams: what serves takes no pipes. Those that came are closed. */
  startedOnStreams: nothing,
})

const serviceText = text({ max: CALL_LIMITS.serviceBytes })

/**
 * Runs a service of the domain for a caller in another one: looked up as the reference does, its streams are the
 * call's. Fails with one of ServiceFailureCode; "not-found": there is no such service.
 */
export const service = method({
  id: 6,
  name: "service",
  params: struct({
    service: serviceText,
    /** Without the "+"; empty where there is none. */
    argument: serviceText,
    /** The caller's domain, as the daemon knows it: QREXEC_REMOTE_DOMAIN. */
    source: text({ max: CALL_LIMITS.nameBytes }),
    /** What the caller asked for, as it wrote it: QREXEC_REQUESTED_TARGET and what belongs to it. */
    requestedTarget: text({ max: CALL_LIMITS.targetBytes }),
    /** From the policy; empty: the service's own configuration, or the domain's user. */
    user: text({ max: CALL_LIMITS.nameBytes }),
    /** Names this call in calls that the service makes because of it: SKERRY_CALL_ID. */
    callId: text({ max: CALL_LIMITS.nameBytes }),
    /** Whether the start is told. */
    progress: bool,
    /** stdin and stdout are host pipes that came over the descriptor socket under this label; 0: they are streams. */
    pipes: u32,
  }),
  result: struct({ exit: Exit }),
  up: nothing,
  down: ServiceDown,
})
