import type { Readable, Writable } from "node:stream"
import type { CallDown } from "@skerry/rpc"

/** A call that this program makes. */
export interface ServiceCall {
  /** Ends with end(): the service then reads the end of its input. */
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves after all output was received. Rejects with RemoteError (its code: ServiceCallErrorCode) or RpcError. */
  readonly exitCode: Promise<number>
  /** Gives the call up. */
  cancel(): void
}

export interface CallTo {
  /** A name, `@dispvm`, `@dispvm:NAME`, `@adminvm`; empty or `@default`: where the policy sends it. */
  readonly target: string
  readonly service: string
  /** Without the "+". */
  readonly argument?: string
  readonly signal?: AbortSignal
  /** Told what happens to the call before it ends. */
  readonly onEvent?: (event: CallDown["kind"]) => void
  /** Pipes can be used in place of the streams stdin and stdout; called in place of "started" where there are any. */
  readonly onPipes?: (pipes: PipeEnds) => void
}

/** The program's ends of a call's pipes. Nothing is sent on the streams then. */
export interface PipeEnds {
  /** To open for writing, as the call's input. */
  readonly stdinPath: string
  /** To open for reading, as the call's output. */
  readonly stdoutPath: string
  /** To be said when both were opened: the pipes' other holder then lets go. */
  taken(): void
}

/** Everything impure that a program in a domain may use. */
export interface ProgramIo {
  /** What follows the program's own name. */
  readonly argv: readonly string[]
  /** Of a service: QREXEC_REMOTE_DOMAIN, QREXEC_SERVICE_ARGUMENT, QREXEC_REQUESTED_TARGET and its like. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  openCall(to: CallTo): Promise<ServiceCall>
}

/**
 * A service, or a command, that runs in a domain: resolves to its exit status. It runs as the domain's user, in a
 * process of its own; what it throws becomes one sentence on stderr and status 1.
 */
export type Program = (io: ProgramIo) => Promise<number>
