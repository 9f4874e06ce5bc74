import { NINEP_LIMITS } from "../codec/limits.ts"

/** Buffers kept for whoever needs one next: as many clients as move data at the same time, mostly. */
const BUFFERS_KEPT = 4

/** What sessions hold answers and unfinished requests in, for as long as they have some: idle ones hold nothing. */
export class BufferPool {
  /** Bytes of each: twice the longest message, as much as one may have received and not yet handled. */
  static readonly bufferBytes = 2 * NINEP_LIMITS.mostMessageBytes
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BufferPool.bufferBytes)
  }

  giveBack(buffer: Buffer): void {
    if (this.#free.length < BUFFERS_KEPT) this.#free.push(buffer)
  }
}
