import { STATE_TREE } from "./limits.ts"

/** Memory for chunks that are being changed, used again: fresh memory costs more than what is written to it. */
export class ChunkBuffers {
  readonly #free: Buffer[] = []

  /** Of zeros. */
  take(bytes: number): Buffer {
    const free = bytes === STATE_TREE.chunkBytes ? this.#free.pop() : undefined
    return free?.fill(0) ?? Buffer.alloc(bytes)
  }

  /** Nobody looks at it any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === STATE_TREE.chunkBytes && this.#free.length < STATE_TREE.keptBuffers)
      this.#free.push(buffer)
  }
}
