import { FILES } from "@skerry/rpc"
import type { FileServer } from "./file-server.ts"
import { TREE_LIMITS } from "./limits.ts"

/**
 * Notices a server that lives and answers nothing, stopped or in an endless loop: its clients would wait for ever. Looks are counted, not
 * time: after the daemon itself did not run (the host slept, a debugger held it), the first look counts once, and by the next one
 * what was answered meanwhile has been read. Timers are of the monotonic clock, which stands still while the host sleeps. Looks at which it
 * waits for a disk do not count.
 */
export class ServerWatch implements Disposable {
  readonly #server: FileServer
  readonly #onHung: () => void
  readonly #timer: NodeJS.Timeout
  /** One question at a time: a server that is behind is not asked for more. */
  #isAsked = false
  /** 0 ≤ misses ≤ TREE_LIMITS.hungLooks */
  #misses = 0

  /** Ends with the server. `onHung` is called once. */
  constructor(server: FileServer, everyMs: number, onHung: () => void) {
    this.#server = server
    this.#onHung = onHung
    this.#timer = setInterval(() => void this.look(), everyMs).unref()
    void server.ended.then(() => this[Symbol.dispose]())
  }

  async look(): Promise<void> {
    if (this.#isAsked) {
      // Killed, it would end when it has waited, and be started anew for nothing.
      if (await this.#server.isWaiting()) return
      // It may have answered meanwhile.
      if (!this.#isAsked) return
      this.#misses += 1
      if (this.#misses < TREE_LIMITS.hungLooks) return
      this[Symbol.dispose]()
      this.#onHung()
      return
    }
    this.#misses = 0
    this.#isAsked = true
    const status = this.#server.control.call(FILES.status, undefined)
    status.stdout.resume()
    const onAnswer = () => {
      this.#isAsked = false
    }
    // A refusal is an answer, and a connection that has ended is the supervisor's business.
    status.result.then(onAnswer, onAnswer)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#isAsked = false
  }
}
