/** Tells once that there has been nothing to do for `idleMs`. */
export class IdleWatch implements Disposable {
  /** Set by the owner of what there may be to do. */
  isBusy: () => boolean = () => true
  readonly #idleMs: number
  readonly #onIdle: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(idleMs: number, onIdle: () => void) {
    this.#idleMs = idleMs
    this.#onIdle = onIdle
  }

  /** Something may have become less: begins to wait anew. */
  look(): void {
    clearTimeout(this.#timer)
    if (this.#idleMs === Number.POSITIVE_INFINITY || this.isBusy()) return
    this.#timer = setTimeout(() => {
      // Busy again since: look() is called when that is over.
      if (!this.isBusy()) this.#onIdle()
    }, this.#idleMs)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
