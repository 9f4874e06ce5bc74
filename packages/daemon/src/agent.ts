import type { Duplex } from "node:stream"
import {
  AGENT_PROTOCOL_VERSION,
  bareHandler,
  type CallParams,
  type CallState,
  Connection,
  call,
  type ExecParams,
  encodeFailure,
  exec,
  identify,
  mountTree,
  type OutgoingCall,
  ping,
  RemoteError,
  service,
  setClock,
  shutdown,
  synchroniseTrees,
  unmountTree,
} from "@skerry/rpc"
import type { Decoded } from "@skerry/wire"
import { DaemonError } from "./errors.ts"
import { DAEMON_LIMITS } from "./limits.ts"

/** What makes a clone a machine of its own; the time is added when it is sent. */
export interface Identity {
  readonly entropy: Uint8Array
  readonly hostName: string
  readonly machineId: string
}

export type AgentLoss = { readonly kind: "closed" } | { readonly kind: "broke"; readonly message: string }

export type CommandUp = Decoded<typeof exec.up>
export type CommandCall = OutgoingCall<
  Decoded<typeof exec.result>,
  Decoded<typeof exec.up>,
  Decoded<typeof exec.down>
>

/** What the first run leaves to be loaded is little, after the second there is nothing. */
const REHEARSALS = 2
const REHEARSAL: ExecParams = {
  argv: ["true"],
  environment: [],
  workingDirectory: "",
  user: "user",
  terminal: undefined,
  descriptors: false,
}

const refuseCall = (_: CallParams, state: CallState): void => {
  state.finish("fail", encodeFailure("unavailable", "This domain has not been identified"))
}

/** The daemon's end of the connection to the agent in one domain. */
export class Agent {
  readonly #connection: Connection
  readonly #now: () => number
  /** Settles once, never rejects. */
  readonly lost: Promise<AgentLoss>
  #isLost = false
  #services = 0
  #onCall = refuseCall

  constructor(channel: Duplex, now: () => number) {
    const serve = [bareHandler(call, (params: CallParams, state: CallState) => this.#onCall(params, state))]
    this.#connection = new Connection(channel, { serve })
    this.#now = now
    this.lost = this.#connection.closed.then((reason) => {
      this.#isLost = true
      return reason.kind === "protocol-error"
        ? { kind: "broke", message: reason.error.message }
        : { kind: "closed" }
    })
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Resolves when the agent answers, however long that takes: the signal ends the wait. */
  async answer(signal: AbortSignal): Promise<void> {
    const { version } = await this.#connection.call(ping, { version: AGENT_PROTOCOL_VERSION }, { signal })
      .result
    if (version !== AGENT_PROTOCOL_VERSION) {
      throw new DaemonError(
        "start-failed",
        `The image's agent speaks version ${version} of the protocol, this daemon ${AGENT_PROTOCOL_VERSION}: run "skerry build"`,
      )
    }
  }

  async identify(identity: Identity): Promise<readonly string[]> {
    const call = this.#connection.call(identify, { ...identity, wallClockNs: this.#wallClockNs() })
    return (await call.result).remarks
  }

  /**
   * Goes once through what a user's first command takes, so that the next time is faster: with an identity of its own,
   * which the user's domain replaces, and a command that does nothing and need not exist.
   */
  async rehearse(identity: Identity, signal: AbortSignal): Promise<void> {
    await this.answer(signal)
    await this.identify(identity)
    for (let run = 0; run < REHEARSALS; run++) {
      const call = this.exec(REHEARSAL, () => {}, signal)
      call.stdin.end()
      for (const output of [call.stdout, call.stderr]) output.resume()
      await call.result.catch((error: unknown) => {
        if (!(error instanceof RemoteError)) throw error
      })
    }
  }

  async setClock(): Promise<void> {
    const signal = AbortSignal.timeout(DAEMON_LIMITS.resumeMs)
    await this.#connection.call(setClock, { wallClockNs: this.#wallClockNs() }, { signal }).result
  }

  async shutDown(): Promise<void> {
    await this.#connection.call(shutdown, undefined).result
  }

  /** Resolves when the tree can be used; RemoteError with a MountFailureCode where it cannot. */
  async mountTree(tree: Decoded<typeof mountTree.params>, signal: AbortSignal): Promise<void> {
    await this.#connection.call(mountTree, tree, { signal }).result
  }

  async unmountTree(port: string, signal: AbortSignal): Promise<void> {
    await this.#connection.call(unmountTree, { port }, { signal }).result
  }

  /** Resolves when everything that the domain has written to its trees is with their servers. */
  async synchroniseTrees(signal: AbortSignal): Promise<void> {
    await this.#connection.call(synchroniseTrees, undefined, { signal }).result
  }

  /** Throws RangeError for what cannot be sent (too long, NUL). */
  exec(params: ExecParams, onStarted: (pid: number) => void, signal: AbortSignal): CommandCall {
    return this.#connection.call(exec, params, { signal, onEvent: ({ pid }) => onStarted(pid) })
  }

  /** Names who takes the calls that the domain makes, each with its bare state; before that they are refused. */
  serveCalls(onCall: (params: CallParams, state: CallState) => void): void {
    this.#onCall = onCall
  }

  /**
   * The bare state of a call to a service of the domain; serviceOver() gives its place back. Throws RangeError, RpcError,
   * or DaemonError.
   */
  openService(params: Decoded<typeof service.params>): CallState {
    if (this.#services >= DAEMON_LIMITS.servicesPerDomain) {
      // Callers must not take what the domain's commands and its clock need.
      throw new DaemonError(
        "full",
        `The target serves ${this.#services} calls, as many as it may: try again later`,
      )
    }
    const state = this.#connection.openCall(service, params)
    this.#services += 1
    return state
  }

  serviceOver(): void {
    this.#services -= 1
  }

  close(): void {
    this.#connection.close()
  }

  #wallClockNs(): bigint {
    return BigInt(this.#now()) * 1_000_000n
  }
}
