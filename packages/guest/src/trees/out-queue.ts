import type { Linux, Pieces } from "@skerry/linux"

interface Chunk {
  bytes: Buffer
  readonly pieces: Pieces | undefined
  start: number
}

/** Bytes on their way to a descriptor that never blocks. They stay as they are until the queue is empty. */
export class OutQueue {
  #chunks: Chunk[] = []

  get isEmpty(): boolean {
    return this.#chunks.length === 0
  }

  /** `pieces`: what `bytes` are the beginning of. */
  add(bytes: Buffer, pieces?: Pieces): void {
    const last = this.#chunks.at(-1)
    if (
      last !== undefined &&
      last.pieces === undefined &&
      pieces === undefined &&
      adjoins(last.bytes, bytes)
    ) {
      last.bytes = Buffer.from(bytes.buffer, last.bytes.byteOffset, last.bytes.length + bytes.length)
    } else this.#chunks.push({ bytes, pieces, start: 0 })
  }

  clear(): void {
    this.#chunks = []
  }

  /** Writes what the descriptor takes. */
  send(linux: Linux, fd: number): void {
    for (;;) {
      const [chunk] = this.#chunks
      if (chunk === undefined) return
      const taken = write(linux, fd, chunk)
      if (taken === undefined) return
      chunk.start += taken
      if (chunk.start === chunk.bytes.length) this.#chunks.shift()
    }
  }
}

const adjoins = (first: Buffer, second: Buffer) =>
  first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset

function write(linux: Linux, fd: number, { bytes, pieces, start }: Chunk): number | undefined {
  if (pieces !== undefined && start % pieces.pieceBytes === 0) {
    return linux.writePieces(fd, pieces, start, bytes.length)
  }
  return linux.writeSome(fd, start === 0 ? bytes : bytes.subarray(start))
}
