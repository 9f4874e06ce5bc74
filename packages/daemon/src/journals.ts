import type { InstanceName } from "@skerry/model"
import type { LogRow } from "@skerry/rpc"
import { Journal } from "./journal.ts"
import { DAEMON_LIMITS } from "./limits.ts"

/** A journal for each instance, kept after its domains ended; the one used longest ago goes first. */
export class Journals {
  readonly #journals = new Map<InstanceName, Journal>()
  readonly #now: () => number

  readonly #onRow: ((row: LogRow) => void) | undefined

  constructor(now: () => number, onRow?: (row: LogRow) => void) {
    this.#now = now
    this.#onRow = onRow
  }

  of(instance: InstanceName): Journal {
    const journal = this.#journals.get(instance) ?? new Journal({ now: this.#now, onRow: this.#onRow })
    this.#journals.delete(instance)
    this.#journals.set(instance, journal)
    if (this.#journals.size > DAEMON_LIMITS.journals) {
      const [oldest] = this.#journals.keys()
      if (oldest !== undefined) this.#journals.delete(oldest)
    }
    return journal
  }

  find(instance: string): Journal | undefined {
    return this.#journals.get(instance as InstanceName)
  }
}
