/** How many calls one source may have; settings.calls. */
export interface SourceLimits {
  /** Calls open at once. */
  readonly atOnce: number
  /** New calls per second in the long run. */
  readonly perSecond: number
  /** New calls that may come at once after a quiet time. */
  readonly burst: number
}

/** What one source has used of its limits: calls open, and a bucket of tokens that fills by time. */
export class SourceUse {
  readonly #limits: () => SourceLimits
  readonly #now: () => number
  #open = 0
  #tokens: number
  /** Milliseconds of `now` when #tokens was right. */
  #countedAt: number

  /** `now` gives milliseconds and never goes back. */
  constructor(limits: () => SourceLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
    this.#tokens = limits().burst
    this.#countedAt = now()
  }

  get open(): number {
    return this.#open
  }

  /** Takes a place for a call, or says for people why there is none. A place is given back by release(). */
  take(): string | undefined {
    const { atOnce, perSecond, burst } = this.#limits()
    if (this.#open >= atOnce) return `${this.#open} calls are open, as many as settings.calls.atOnce allows`
    const now = this.#now()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#countedAt) * perSecond) / 1000)
    this.#countedAt = now
    if (this.#tokens < 1) return `calls came faster than settings.calls.perSecond (${perSecond}) allows`
    this.#tokens -= 1
    this.#open += 1
    return undefined
  }

  release(): void {
    this.#open -= 1
  }
}
