import type { Readable, Writable } from "node:stream"

export interface OutputOptions {
  readonly source: Readable
  readonly sink: Writable
  /** Bytes that the kernel holds for `source`. */
  readonly bytesWaiting: () => number
  /** How long to wait for more, once the command has ended and nothing is waiting. */
  readonly settleMs: number
}

/**
 * Carries a command's output to its caller, at the caller's speed. Ends at the source's end; or, once the command has
 * ended, when all that it wrote has been carried: a process that it left behind may hold the pipe open for ever.
 */
export class Output {
  readonly #options: OutputOptions
  #hasExited: boolean = false
  readonly #finish: () => void
  readonly done: Promise<void>

  constructor(options: OutputOptions) {
    const { source, sink } = options
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#options = options
    this.done = promise
    this.#finish = resolve
    source.on("data", (chunk: Uint8Array) => {
      if (sink.write(chunk)) this.#finishIfEmpty()
      else source.pause()
    })
    sink.on("drain", () => {
      source.resume()
      this.#finishIfEmpty()
    })
    source.on("end", resolve)
    // EIO: every process has closed the terminal. Other errors end the output as well, there is nobody to tell.
    source.on("error", () => resolve())
    source.on("close", resolve)
  }

  /** The command has ended: what it wrote is all there. */
  commandExited(): void {
    this.#hasExited = true
    this.#finishIfEmpty()
  }

  destroy(): void {
    this.#options.source.destroy()
  }

  #finishIfEmpty(): void {
    if (!this.#hasExited || !this.#isEmpty()) return
    const { settleMs } = this.#options
    if (settleMs === 0) this.#finish()
    else setTimeout(() => this.#isEmpty() && this.#finish(), settleMs)
  }

  #isEmpty(): boolean {
    const { source, bytesWaiting } = this.#options
    return source.destroyed || (source.readableLength === 0 && !source.isPaused() && bytesWaiting() === 0)
  }
}
