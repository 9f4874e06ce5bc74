/** Bytes of a file that are kept together: what a hole is made of. */
const CHUNK_BYTES = 64 * 1024

/** A file's bytes, with holes. */
export class MemoryContent {
  readonly #chunks = new Map<number, Buffer>()
  #size = 0
  #storedBytes = 0

  get size(): number {
    return this.#size
  }

  /** Bytes of memory that it takes. */
  get storedBytes(): number {
    return this.#storedBytes
  }

  read(target: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(target.length, this.#size - offset))
    for (let done = 0; done < count; ) {
      const { index, within, bytes } = pieceAt(offset + done, count - done)
      const chunk = this.#chunks.get(index)?.subarray(within, within + bytes)
      const part = target.subarray(done, done + bytes)
      part.set(chunk ?? [])
      part.fill(0, chunk?.length ?? 0)
      done += bytes
    }
    return count
  }

  write(source: Uint8Array, offset: number): void {
    for (let done = 0; done < source.length; ) {
      const { index, within, bytes } = pieceAt(offset + done, source.length - done)
      this.#chunk(index, within + bytes).set(source.subarray(done, done + bytes), within)
      done += bytes
    }
    this.#size = Math.max(this.#size, offset + source.length)
  }

  resize(size: number): void {
    if (size < this.#size) {
      const { index: last, within } = pieceAt(size, CHUNK_BYTES)
      for (const [index, chunk] of this.#chunks) {
        if (index === last) chunk.fill(0, within)
        if (index < last || (index === last && within > 0)) continue
        this.#chunks.delete(index)
        this.#storedBytes -= chunk.length
      }
    }
    this.#size = size
  }

  /** Bytes that a write would take in addition, at most. */
  growth(count: number, offset: number): number {
    const first = Math.floor(offset / CHUNK_BYTES)
    const last = Math.floor((offset + count - 1) / CHUNK_BYTES)
    let growth = (last - first + 1) * CHUNK_BYTES
    for (let index = first; index <= last; index++) growth -= this.#chunks.get(index)?.length ?? 0
    return Math.min(growth, count * 2)
  }

  #chunk(index: number, bytes: number): Buffer {
    const chunk = this.#chunks.get(index)
    if (chunk !== undefined && chunk.length >= bytes) return chunk
    const larger = Buffer.alloc(Math.min(CHUNK_BYTES, Math.max(bytes, (chunk?.length ?? 0) * 2)))
    if (chunk !== undefined) larger.set(chunk)
    this.#chunks.set(index, larger)
    this.#storedBytes += larger.length - (chunk?.length ?? 0)
    return larger
  }
}

function pieceAt(offset: number, most: number): { index: number; within: number; bytes: number } {
  const within = offset % CHUNK_BYTES
  return {
    index: Math.floor(offset / CHUNK_BYTES),
    within,
    bytes: Math.min(most, CHUNK_BYTES - within),
  }
}
