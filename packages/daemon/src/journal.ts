import type { LogRow } from "@skerry/rpc"
import { DAEMON_LIMITS } from "./limits.ts"

/** Bytes that a row is taken to cost beside its text. */
const ROW_OVERHEAD = 64

/** The latest rows of one instance's domains, oldest dropped first. */
export class Journal {
  readonly #rows: LogRow[] = []
  readonly #waiters = new Set<() => void>()
  readonly #now: () => number
  readonly #maxBytes: number
  #bytes = 0
  /** Rows ever dropped: `rows[0]` is row number `#dropped`. */
  #dropped = 0

  readonly #onRow: ((row: LogRow) => void) | undefined

  constructor(options: {
    now: () => number
    maxBytes?: number
    onRow?: ((row: LogRow) => void) | undefined
  }) {
    this.#now = options.now
    this.#onRow = options.onRow
    this.#maxBytes = options.maxBytes ?? DAEMON_LIMITS.journalBytes
  }

  add(row: Omit<LogRow, "time">): void {
    const timed = { time: this.#now(), ...row }
    this.#rows.push(timed)
    this.#onRow?.(timed)
    this.#bytes += row.text.length + ROW_OVERHEAD
    let excess = 0
    while (this.#bytes > this.#maxBytes && excess < this.#rows.length - 1) {
      this.#bytes -= (this.#rows[excess]?.text.length ?? 0) + ROW_OVERHEAD
      excess += 1
    }
    // A quarter at a time, so that a flood costs no copy of the array for each line.
    if (excess > 0) {
      const drop = Math.max(excess, this.#rows.length >> 2)
      for (const row of this.#rows.splice(0, drop).slice(excess))
        this.#bytes -= row.text.length + ROW_OVERHEAD
      this.#dropped += drop
    }
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }

  /** The rows from number `from` on, and the number to go on from. Tells how many were dropped before they were read. */
  read(from: number): { rows: readonly LogRow[]; next: number; lost: number } {
    const lost = Math.max(0, this.#dropped - from)
    return {
      rows: this.#rows.slice(Math.max(0, from - this.#dropped)),
      next: this.#dropped + this.#rows.length,
      lost,
    }
  }

  /** Where read() starts with what is still there. */
  get start(): number {
    return this.#dropped
  }

  /** Resolves at the next row, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake)
        this.#waiters.delete(wake)
        resolve()
      }
      this.#waiters.add(wake)
      signal.addEventListener("abort", wake, { once: true })
    })
  }
}
