export interface ClipboardText {
  /** Who takes it wipes it. */
  readonly text: Buffer
  /** The domain that it was copied from, or "-" for the user's own input. */
  readonly source: string
}

export interface ClipboardStatus {
  readonly source: string
  readonly bytes: number
  readonly wipedInMs: number
}

/** One text, for a while, in memory alone: it is overwritten when it is replaced, taken, cleared, or its time is over. */
export class Clipboard implements Disposable {
  readonly #now: () => number
  #held: (ClipboardText & { readonly until: number }) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(monotonicMs: () => number) {
    this.#now = monotonicMs
  }

  /** Takes the text over. */
  put({ text, source }: ClipboardText, keepMs: number): void {
    this.clear()
    this.#held = { text, source, until: this.#now() + keepMs }
    this.#timer = setTimeout(() => this.clear(), keepMs).unref()
  }

  /** Undefined: there is none. */
  take(): ClipboardText | undefined {
    const held = this.#held
    this.#held = undefined
    clearTimeout(this.#timer)
    return held
  }

  clear(): void {
    this.take()?.text.fill(0)
  }

  get status(): ClipboardStatus | undefined {
    if (this.#held === undefined) return undefined
    const { source, text, until } = this.#held
    return { source, bytes: text.length, wipedInMs: Math.max(0, Math.round(until - this.#now())) }
  }

  [Symbol.dispose](): void {
    this.clear()
  }
}
