import { chmodSync, mkdirSync, rmSync } from "node:fs"
import { dirname } from "node:path"
import { type Linux, LinuxError, POLL } from "@skerry/linux"
import type { DescriptorQueue, Loop, Watch } from "@skerry/loop"
import { Port, type PortMemory } from "@skerry/loop"
import { AGENT } from "./limits.ts"
import { passCall } from "./pass-call.ts"

export interface CallSocketOptions {
  readonly loop: Loop
  readonly linux: Linux
  readonly memory: PortMemory
  readonly path: string
  /** Where calls go now; undefined: nobody takes them. */
  readonly host: () => Port | undefined
  /** Before a domain is one of its own, it calls nobody. */
  readonly mayCall: () => boolean
  /** Where pipes for calls come from; undefined: none do. */
  readonly descriptors: DescriptorQueue | undefined
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
    const { loop, linux, memory, mayCall, descriptors, host } = this.#options
    while (this.#callers < AGENT.callers) {
      const fd = this.#acceptOne()
      if (fd === undefined) return
      this.#callers += 1
      new Port({
        ...{ loop, linux, memory, fd },
        onCall: (call, method, untrustedParams) => {
          passCall(call, method, untrustedParams, mayCall() ? host()?.calls : undefined, descriptors)
        },
        onEnd: () => this.#onEnd(),
      })
    }
    // Those that wait are let in as others go.
    this.#watch.want(0)
  }

  /** Programs can use up the descriptors that there are: who waits then waits a little longer. */
  #acceptOne(): number | undefined {
    const { loop, linux } = this.#options
    try {
      return linux.accept(this.#fd)
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error
      this.#watch.want(0)
      loop.after(AGENT.acceptPauseMs, () => this.#watch.want(POLL.in))
      return undefined
    }
  }

  #onEnd(): void {
    this.#callers -= 1
    this.#watch.want(POLL.in)
  }
}
