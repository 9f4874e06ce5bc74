import { STATE_TREE } from "./limits.ts"

/** Memory for chunks that are being changed, used again: fresh memory costs more than what is written to it. */
export class ChunkBuffers {
  /** By their size. */
  readonly #free = new Map<number, Buffer[]>()
  #bytes = 0

  /** Of zeros. */
  take(bytes: number): Buffer {
    const free = this.#free.get(bytes)?.pop()
    if (free === undefined) return Buffer.alloc(bytes)
    this.#bytes -= bytes
    return free.fill(0)
  }

  /** Nobody looks at it any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === 0 || this.#bytes + buffer.length > STATE_TREE.keptBufferBytes) return
    this.#bytes += buffer.length
    const free = this.#free.get(buffer.length)
    if (free === undefined) this.#free.set(buffer.length, [buffer])
    else free.push(buffer)
  }
}
