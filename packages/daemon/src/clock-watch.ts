import { DAEMON_LIMITS } from "./limits.ts"

/**
 * Notices that the wall clock was set, or that the host slept: it has then drifted from the monotonic clock,
 * which a sleeping host stops and which nobody can set.
 */
export class ClockWatch implements Disposable {
  readonly #wallMs: () => number
  readonly #monotonicMs: () => number
  readonly #onJump: (jumpMs: number) => void
  readonly #timer: NodeJS.Timeout
  #offset: number

  constructor(options: {
    wallMs: () => number
    monotonicMs: () => number
    onJump: (jumpMs: number) => void
  }) {
    this.#wallMs = options.wallMs
    this.#monotonicMs = options.monotonicMs
    this.#onJump = options.onJump
    this.#offset = this.#wallMs() - this.#monotonicMs()
    this.#timer = setInterval(() => this.check(), DAEMON_LIMITS.clockCheckMs).unref()
  }

  check(): void {
    const offset = this.#wallMs() - this.#monotonicMs()
    const jumpMs = offset - this.#offset
    // Slower drift than a jump adds up until it is one: guests never stray further than this.
    if (Math.abs(jumpMs) < DAEMON_LIMITS.clockJumpMs) return
    this.#offset = offset
    this.#onJump(jumpMs)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
