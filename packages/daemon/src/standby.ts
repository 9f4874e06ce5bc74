import { setTimeout } from "node:timers/promises"
import type { Domain, ImageFiles, IsolationBackend, Limits, Shape } from "@skerry/isolation"
import type { Digest, Settings } from "@skerry/model"
import type { Agent } from "./agent.ts"
import { DAEMON_LIMITS } from "./limits.ts"
import { templateKey } from "./templates.ts"
import { orAborted } from "./waits.ts"

/** All that a domain is before it has an identity. */
export interface DomainMould {
  readonly backend: IsolationBackend
  readonly image: ImageFiles
  readonly shape: Shape
  readonly limits: Limits
}

/** A domain whose agent has been told nothing yet. */
export interface Blank {
  readonly domain: Domain
  readonly agent: Agent
  /** Says where the console's output goes from now on. */
  readonly setConsole: (onConsole: (untrustedText: string) => void) => void
}

interface Slot {
  readonly mould: DomainMould
  readonly blanks: { readonly blank: Blank; readonly bytes: number }[]
  lastUsed: number
  /** Making one failed: not tried again before the next use, which will show the reason to somebody. */
  isBroken: boolean
}

export interface StandbyOptions {
  readonly settings: () => Settings["standby"]
  /** Starts a domain and waits for its agent's first answer. */
  readonly make: (mould: DomainMould, signal: AbortSignal) => Promise<Blank>
  /** Resolves when no start is going on or waited for. */
  readonly quiet: () => Promise<void>
  readonly memoryBytes: (pid: number) => Promise<number | undefined>
  readonly quietMs?: number
}

const moulded = (mould: DomainMould): string =>
  `${templateKey(mould.backend, mould.image.digest, mould.shape)} ${mould.limits.processes} ${mould.limits.cpuWeight}`

/**
 * Domains already cloned, answered and paused, for what was used lately. Each is taken once and never comes back.
 * It has no identity yet: entropy, time and names are given to it after it was resumed, like to a fresh one.
 */
export class StandbyPool implements AsyncDisposable {
  readonly #options: StandbyOptions
  readonly #slots = new Map<string, Slot>()
  readonly #end = new AbortController()
  readonly #disposals = new Set<Promise<void>>()
  #refilling: Promise<void> | undefined
  #uses = 0

  constructor(options: StandbyOptions) {
    this.#options = options
  }

  get count(): number {
    let count = 0
    for (const slot of this.#slots.values()) count += slot.blanks.length
    return count
  }

  /** A resumed blank that is now the caller's, or undefined; either way the pool is refilled when it is quiet. */
  async take(mould: DomainMould): Promise<Blank | undefined> {
    if (!mould.backend.features.snapshots || this.#options.settings().perImage === 0) return undefined
    const key = moulded(mould)
    const slot = this.#slots.get(key) ?? { mould, blanks: [], lastUsed: 0, isBroken: false }
    this.#slots.set(key, slot)
    this.#uses += 1
    slot.lastUsed = this.#uses
    slot.isBroken = false
    this.#startRefill()
    for (let next = slot.blanks.shift(); next !== undefined; next = slot.blanks.shift()) {
      try {
        await next.blank.domain.resume()
        return next.blank
      } catch {
        this.#dispose(next.blank) // a paused domain that cannot go on: the next one, or a fresh one, will do
      }
    }
    return undefined
  }

  /** Drops what is not made from these images: another generation is current. */
  keepOnly(digests: ReadonlySet<Digest>): void {
    for (const [key, slot] of this.#slots) if (!digests.has(slot.mould.image.digest)) this.#drop(key, slot)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new Error("The daemon is ending"))
    for (const [key, slot] of this.#slots) this.#drop(key, slot)
    await this.#refilling
    await Promise.all(this.#disposals)
  }

  #startRefill(): void {
    if (this.#refilling !== undefined || this.#end.signal.aborted) return
    this.#refilling = this.#refill().finally(() => {
      this.#refilling = undefined
    })
  }

  async #refill(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      await this.#settled()
      if (signal.aborted) return
      const found = this.#lacking()
      if (found === undefined) return
      const [key, slot] = found
      try {
        const blank = await this.#options.make(slot.mould, signal)
        await this.#keep(key, slot, blank)
      } catch {
        slot.isBroken = true
      }
    }
  }

  async #keep(key: string, slot: Slot, blank: Blank): Promise<void> {
    try {
      await blank.domain.pause()
    } catch (error) {
      this.#dispose(blank)
      throw error
    }
    const measured = await this.#options.memoryBytes(blank.domain.processes.pid)
    const bytes = measured ?? DAEMON_LIMITS.standbyEstimateMiB * 1024 * 1024
    if (this.#slots.get(key) !== slot || this.#end.signal.aborted) return this.#dispose(blank)
    const entry = { blank, bytes }
    slot.blanks.push(entry)
    void blank.domain.exited.then(() => {
      const index = slot.blanks.indexOf(entry)
      if (index >= 0) slot.blanks.splice(index, 1)
    })
  }

  /** Resolves once nothing has been starting for a while. */
  async #settled(): Promise<void> {
    const { signal } = this.#end
    const quietMs = this.#options.quietMs ?? DAEMON_LIMITS.standbyQuietMs
    for (let uses = -1; uses !== this.#uses && !signal.aborted; ) {
      uses = this.#uses
      // Aborted: the loop's condition sees it.
      await orAborted(this.#options.quiet(), signal).catch(() => {})
      await setTimeout(quietMs, undefined, { signal }).catch(() => {})
    }
  }

  /** The most recently used slot that is short of a blank which the memory bound admits. */
  #lacking(): [string, Slot] | undefined {
    const { perImage, memoryMiB } = this.#options.settings()
    const byUse = [...this.#slots].sort(([, a], [, b]) => b.lastUsed - a.lastUsed)
    const wanted = byUse.find(([, slot]) => slot.blanks.length < perImage && !slot.isBroken)
    if (wanted === undefined) return undefined
    const estimate = wanted[1].blanks[0]?.bytes ?? DAEMON_LIMITS.standbyEstimateMiB * 1024 * 1024
    const bound = memoryMiB * 1024 * 1024
    // Blanks of what was used longer ago make room.
    for (const [, slot] of byUse.reverse()) {
      if (slot === wanted[1]) break
      while (this.#bytes() + estimate > bound) {
        const entry = slot.blanks.pop()
        if (entry === undefined) break
        this.#dispose(entry.blank)
      }
    }
    return this.#bytes() + estimate > bound ? undefined : wanted
  }

  #bytes(): number {
    let bytes = 0
    for (const slot of this.#slots.values()) for (const entry of slot.blanks) bytes += entry.bytes
    return bytes
  }

  #drop(key: string, slot: Slot): void {
    this.#slots.delete(key)
    for (const { blank } of slot.blanks.splice(0)) this.#dispose(blank)
  }

  #dispose(blank: Blank): void {
    blank.agent.close()
    const disposal = dispose(blank.domain).finally(() => this.#disposals.delete(disposal))
    this.#disposals.add(disposal)
  }
}

async function dispose(domain: Domain): Promise<void> {
  await domain[Symbol.asyncDispose]()
}
