import type { ImageFiles } from "@skerry/isolation"
import type { ApplicationName, System } from "@skerry/model"
import { DaemonError } from "./errors.ts"

/** What new domains are made from. */
export interface Current {
  readonly number: number
  readonly system: System
  readonly images: ReadonlyMap<ApplicationName, ImageFiles>
}

/** Where generations come from: packages/image in the product, a constant in tests. */
export interface GenerationSource {
  /** Differs whenever another generation is current, and undefined where there is none. Asked at every request. */
  stamp(): Promise<string | undefined>
  load(): Promise<Current>
}

/** The current generation, read again only when it changed. Domains keep the one they were made from. */
export class Generations {
  readonly #source: GenerationSource
  readonly #onChange: (current: Current) => void
  #loaded: { stamp: string; current: Promise<Current> } | undefined

  constructor(source: GenerationSource, onChange: (current: Current) => void) {
    this.#source = source
    this.#onChange = onChange
  }

  /** Fails with "not-built", or with what makes the generation unreadable. */
  async current(): Promise<Current> {
    const stamp = await this.#source.stamp()
    if (stamp === undefined) {
      throw new DaemonError("not-built", 'Nothing has been built yet: run "skerry build" first')
    }
    if (this.#loaded?.stamp === stamp) return this.#loaded.current
    const current = this.#source.load()
    this.#loaded = { stamp, current }
    try {
      this.#onChange(await current)
    } catch (error) {
      // Mended on disk, it may be readable at the next request without a new stamp.
      if (this.#loaded?.current === current) this.#loaded = undefined
      throw error
    }
    return current
  }

  /** The number of the one loaded last, for status. */
  async loadedNumber(): Promise<number | undefined> {
    return (await this.#loaded?.current.catch(() => undefined))?.number
  }
}
