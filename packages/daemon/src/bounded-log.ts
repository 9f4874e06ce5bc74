import { fstatSync, ftruncateSync, writeSync } from "node:fs"

/** Writes lines to a descriptor; a regular file (opened for appending) starts over at `maxBytes`. */
export class BoundedLog {
  readonly #descriptor: number
  readonly #maxBytes: number
  /** Undefined where the descriptor is no regular file: a terminal or a supervisor bounds itself. */
  #bytes: number | undefined

  constructor(descriptor: number, maxBytes: number) {
    this.#descriptor = descriptor
    this.#maxBytes = maxBytes
    const found = fstatSync(descriptor)
    this.#bytes = found.isFile() ? found.size : undefined
  }

  line(time: Date, text: string): void {
    const bytes = Buffer.from(`${time.toISOString()} ${text}\n`)
    if (this.#bytes !== undefined) {
      if (this.#bytes + bytes.length > this.#maxBytes) {
        ftruncateSync(this.#descriptor)
        this.#bytes = 0
      }
      this.#bytes += bytes.length
    }
    try {
      writeSync(this.#descriptor, bytes)
    } catch {
      // Nobody reads the log, or the disk is full: domains are worth more than their log.
    }
  }
}
