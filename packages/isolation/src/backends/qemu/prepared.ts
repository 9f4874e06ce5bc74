import type { Limits } from "../../backend.ts"
import type { Launched } from "./launched.ts"

export const PREPARED_LIMITS = {
  /** Templates, of those used last, that have a process prepared: each takes some 20 MiB. */
  templates: 2,
  /** After the last start: until then its own command, or another start, needs the processors more. */
  quietMs: 600,
  /** After a domain has ended: its command is over, and whoever ran it may run the next. */
  endedMs: 10,
} as const

export interface PreparedOptions<T> {
  readonly launch: (template: T, limits: Limits, signal: AbortSignal) => Promise<Launched>
  readonly quietMs?: number
}

interface Slot {
  readonly limits: Limits
  launched: Launched | undefined
}

/**
 * For each template in recent use one confined QEMU that waits for a guest: it holds no guest's memory or state, and
 * has never run one. Half of the time that a clone takes to start is spent on getting this far.
 */
export class Prepared<T> implements AsyncDisposable {
  readonly #options: PreparedOptions<T>
  /** In the order of their last use. */
  readonly #slots = new Map<T, Slot>()
  readonly #end = new AbortController()
  readonly #disposals = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #filling: Promise<void> | undefined

  constructor(options: PreparedOptions<T>) {
    this.#options = options
  }

  /** One that is now the caller's, or undefined; another one is prepared later. */
  take(template: T, limits: Limits): Launched | undefined {
    const slot = this.#slots.get(template)
    this.#slots.delete(template)
    const isFit = slot?.limits.processes === limits.processes && slot.limits.cpuWeight === limits.cpuWeight
    const launched = isFit ? slot.launched : undefined
    if (slot?.launched !== launched) this.#dispose(slot?.launched)
    this.#slots.set(template, { limits, launched: undefined })
    this.#trim()
    this.#fillAfter(this.#options.quietMs ?? PREPARED_LIMITS.quietMs)
    return launched
  }

  /** A domain has ended. */
  domainEnded(): void {
    if (this.#timer !== undefined) this.#fillAfter(PREPARED_LIMITS.endedMs)
  }

  /** The template is gone. Resolves when nothing of it is left. */
  async drop(template: T): Promise<void> {
    const slot = this.#slots.get(template)
    this.#slots.delete(template)
    this.#dispose(slot?.launched)
    await this.#filling
    await Promise.all(this.#disposals)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    clearTimeout(this.#timer)
    await Promise.all([...this.#slots.keys()].map((template) => this.drop(template)))
    await this.#filling
    await Promise.all(this.#disposals)
  }

  #fillAfter(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#end.signal.aborted) return
    this.#timer = setTimeout(() => this.#startFilling(), ms)
    this.#timer.unref()
  }

  #startFilling(): void {
    this.#timer = undefined
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined
    })
  }

  async #fill(): Promise<void> {
    for (const [template, slot] of [...this.#slots].reverse()) {
      if (this.#end.signal.aborted) return
      if (slot.launched !== undefined || this.#slots.get(template) !== slot) continue
      try {
        this.#keep(template, slot, await this.#options.launch(template, slot.limits, this.#end.signal))
      } catch {
        return // The next start meets the same trouble, and somebody who can be told.
      }
    }
  }

  #keep(template: T, slot: Slot, launched: Launched): void {
    if (this.#slots.get(template) !== slot || this.#end.signal.aborted) {
      this.#dispose(launched)
      return
    }
    slot.launched = launched
    void launched.process.ended.then(() => {
      if (slot.launched !== launched) return
      slot.launched = undefined
      this.#dispose(launched)
    })
  }

  #trim(): void {
    for (const [template, slot] of this.#slots) {
      if (this.#slots.size <= PREPARED_LIMITS.templates) return
      this.#slots.delete(template)
      this.#dispose(slot.launched)
    }
  }

  #dispose(launched: Launched | undefined): void {
    if (launched === undefined) return
    const disposal = dispose(launched).finally(() => this.#disposals.delete(disposal))
    this.#disposals.add(disposal)
  }
}

async function dispose(launched: Launched): Promise<void> {
  await launched[Symbol.asyncDispose]()
}
