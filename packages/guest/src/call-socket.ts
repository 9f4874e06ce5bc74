import { chmodSync, mkdirSync, rmSync } from "node:fs"
import { dirname } from "node:path"
import { type Linux, POLL } from "@skerry/linux"
import {
  type CallState,
  call as callMethod,
  encodeFailure,
  type RelayHooks,
  RpcError,
  relay,
} from "@skerry/rpc"
import { decode } from "@skerry/wire"
import { AGENT } from "./limits.ts"
import type { Loop, Watch } from "./loop.ts"
import { Port, type PortMemory } from "./port.ts"

export interface CallSocketOptions {
  readonly loop: Loop
  readonly linux: Linux
  readonly memory: PortMemory
  readonly path: string
  /** Where calls go now; undefined: nobody takes them. */
  readonly host: () => Port | undefined
  /** Before a domain is one of its own, it calls nobody. */
  readonly mayCall: () => boolean
}

/** CALL of the host's table, before the params as the program sent them. */
const CALL_METHOD = Uint8Array.of(callMethod.id & 0xff, callMethod.id >> 8)

/** The daemon's protocol is the program's: all is passed on as it is. */
const HOOKS: RelayHooks = {
  onEvent: (untrustedBytes) => untrustedBytes,
  onEnd: (type, payload) => ({ type, payload }),
  onOver: () => {},
  bytesLast: false,
}

/**
 * Passes calls of the domain's programs on to the host. Any program may call: a domain is one unit of trust, and who of
 * it calls is not told. A program that breaks the protocol loses its own connection only.
 */
export class CallSocket {
  readonly #options: CallSocketOptions
  readonly #fd: number
  readonly #watch: Watch
  #callers = 0

  constructor(options: CallSocketOptions) {
    const { loop, linux, path } = options
    this.#options = options
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    rmSync(path, { force: true })
    this.#fd = linux.listenUnix(path, AGENT.callersWaiting)
    chmodSync(path, 0o666)
    this.#watch = loop.watch(this.#fd, () => this.#accept())
    this.#watch.want(POLL.in)
  }

  #accept(): void {
    const { loop, linux, memory } = this.#options
    while (this.#callers < AGENT.callers) {
      const fd = linux.accept(this.#fd)
      if (fd === undefined) return
      this.#callers += 1
      new Port({
        ...{ loop, linux, memory, fd },
        onCall: (call, method, untrustedParams) => this.#onCall(call, method, untrustedParams),
        onEnd: () => this.#onEnd(),
      })
    }
    // Those that wait are let in as others go.
    this.#watch.want(0)
  }

  #onEnd(): void {
    this.#callers -= 1
    this.#watch.want(POLL.in)
  }

  #onCall(call: CallState, method: number, untrustedParams: Uint8Array): void {
    if (method !== callMethod.id) {
      refuse(call, "unknown-method", `Method ${method} is not known here`)
      return
    }
    // What the host would take for a breach of this domain's agent is one of the program.
    decode(callMethod.params, untrustedParams)
    const host = this.#options.mayCall() ? this.#options.host() : undefined
    if (host === undefined) {
      refuse(call, "unavailable", "Nobody takes calls of this domain now")
      return
    }
    const onward = openOnward(host, call)
    if (onward === undefined) return
    onward.open(Buffer.concat([CALL_METHOD, untrustedParams]))
    relay(call, onward, HOOKS)
  }
}

function openOnward(host: Port, call: CallState): CallState | undefined {
  try {
    return host.calls.call()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    refuse(call, "too-many-calls", "This domain has too many calls open")
    return undefined
  }
}

function refuse(call: CallState, code: string, message: string): void {
  call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
  call.finish("fail", encodeFailure(code, message))
}
