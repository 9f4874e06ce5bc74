import { Readable } from "node:stream"
import { crc32 } from "node:zlib"
import { FilecopyError } from "./qfile.ts"

/** Reads counted bytes from a stream, at the reader's pace, and sums them up. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)
  #crc32 = 0

  /** Takes the stream over. */
  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  /** Of all bytes that were handed out, since the sum was last started. */
  get crc32(): number {
    return this.#crc32
  }

  startSum(): void {
    this.#crc32 = 0
  }

  /** `count` must be bounded by the caller. Throws FilecopyError "cut" where the stream ends before. */
  async exactly(count: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(count)
    let at = 0
    while (at < count) {
      const piece = await this.upTo(count - at)
      piece.copy(bytes, at)
      at += piece.length
    }
    return bytes
  }

  /** 1 to `most` bytes. */
  async upTo(most: number): Promise<Buffer> {
    if (this.#rest.length === 0 && !(await this.#more())) {
      throw new FilecopyError("cut", "The stream ended before it was complete")
    }
    const piece = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(piece.length)
    this.#crc32 = crc32(piece, this.#crc32)
    return piece
  }

  /** All that follows. */
  rest(): Readable {
    return Readable.from(this.#restPieces(), { objectMode: false })
  }

  async *#restPieces(): AsyncGenerator<Buffer> {
    while (this.#rest.length > 0 || (await this.#more())) yield await this.upTo(this.#rest.length)
  }

  async #more(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next().catch((cause: unknown) => {
        throw new FilecopyError("cut", "The stream broke before it was complete", { cause })
      })
      if (next.done === true) return false
      this.#rest = next.value
    }
    return true
  }
}
