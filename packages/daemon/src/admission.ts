import type { Settings } from "@skerry/model"
import { DaemonError } from "./errors.ts"

/** A domain's place: among the starts at first, and among the domains until it is released. */
export interface Place {
  /** The start is over; the next one in line may begin. */
  leaveStarts(): void
  /** The domain is gone. Also leaves the starts; more than once is harmless. */
  release(): void
}

interface Waiting {
  readonly isDisposable: boolean
  readonly grant: (place: Place) => void
  readonly refuse: (error: Error) => void
}

/**
 * Lets starts go on in the order in which they were asked for, `startsAtOnce` at a time. A request that meets a
 * full house waits where room will come by itself (a disposable is there, or a start is going on), else it is
 * refused: long-lived domains end only when someone stops them.
 */
export class Admission {
  readonly #limits: () => Settings["limits"]
  readonly #line: Waiting[] = []
  readonly #quietWaiters: (() => void)[] = []
  #domains = 0
  #disposables = 0
  #starts = 0

  constructor(limits: () => Settings["limits"]) {
    this.#limits = limits
  }

  get counts(): { readonly domains: number; readonly starting: number; readonly waiting: number } {
    return { domains: this.#domains, starting: this.#starts, waiting: this.#line.length }
  }

  /** Fails with "full" where there will be no room, and with the signal's reason. */
  request(options: { isDisposable: boolean; signal: AbortSignal }): Promise<Place> {
    const { signal, isDisposable } = options
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const { startsWaiting } = this.#limits()
      const waiting: Waiting = {
        isDisposable,
        grant(place) {
          signal.removeEventListener("abort", leave)
          resolve(place)
        },
        refuse(error) {
          signal.removeEventListener("abort", leave)
          reject(error)
        },
      }
      const leave = () => {
        this.#line.splice(this.#line.indexOf(waiting), 1)
        reject(signal.reason)
        this.#advance()
      }
      this.#line.push(waiting)
      this.#advance()
      if (this.#line.length > startsWaiting && this.#line.at(-1) === waiting) {
        this.#line.pop()
        return waiting.refuse(
          new DaemonError(
            "full",
            `${startsWaiting} requests are waiting for a start already: try again when some have gone on, or raise settings.limits.startsWaiting`,
          ),
        )
      }
      if (this.#line.includes(waiting)) signal.addEventListener("abort", leave, { once: true })
    })
  }

  /** Resolves when nothing is starting or waiting to: the time for work that nobody waits for. */
  quiet(): Promise<void> {
    if (this.#starts === 0 && this.#line.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#quietWaiters.push(resolve))
  }

  #advance(): void {
    const limits = this.#limits()
    for (let head = this.#line[0]; head !== undefined; head = this.#line[0]) {
      if (this.#starts >= limits.startsAtOnce) return
      if (this.#domains >= limits.domains) {
        if (this.#disposables > 0 || this.#starts > 0) return
        this.#line.shift()
        head.refuse(
          new DaemonError(
            "full",
            `${this.#domains} domains run, as many as settings.limits.domains allows: end one with "skerry stop", or raise the limit`,
          ),
        )
        continue
      }
      this.#line.shift()
      head.grant(this.#place(head.isDisposable))
    }
    if (this.#starts === 0) for (const resolve of this.#quietWaiters.splice(0)) resolve()
  }

  #place(isDisposable: boolean): Place {
    let isStarting = true
    let isHeld = true
    this.#starts += 1
    this.#domains += 1
    if (isDisposable) this.#disposables += 1
    const leaveStarts = () => {
      if (!isStarting) return
      isStarting = false
      this.#starts -= 1
      this.#advance()
    }
    const release = () => {
      if (!isHeld) return
      isHeld = false
      this.#domains -= 1
      if (isDisposable) this.#disposables -= 1
      leaveStarts()
      this.#advance()
    }
    return { leaveStarts, release }
  }
}
