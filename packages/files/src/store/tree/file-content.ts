import type { Digest } from "@skerry/model"
import type { ChunkBuffers } from "./chunk-buffers.ts"
import { type ChunkChanges, changeChunks, chunksOf, countChunks, findChunk } from "./chunk-list.ts"
import type { Entry } from "./entry.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { STATE_TREE } from "./limits.ts"

/** Chunks in memory that are no objects yet, of all files of a tree. */
export interface ChangedBytes {
  readonly buffers: ChunkBuffers
  bytes: number
  /** Those with such chunks, longest first. */
  readonly files: Set<FileContent>
}

/** A chunk as it is being changed; what is missing at its end is zeros. */
interface Changing {
  buffer: Buffer
  length: number
}

const { chunkBytes } = STATE_TREE
const LEAST_BUFFER_BYTES = 512

/** What one file holds: what was kept of it, and what has changed since. */
export class FileContent {
  readonly #nodes: KeptNodes
  readonly #changed: ChangedBytes
  #size: number
  #kept: Digest | undefined
  #keptSize: number
  /** Chunks of what was kept that still count; the rest was cut off. */
  #keptChunks: number
  /** Digests, undefined for holes, or chunks that are no objects yet. */
  readonly #chunks = new Map<number, Changing | Digest | undefined>()
  /** Chunks that are no holes, of those up to the end. */
  #present: number
  /** How many of them are no objects yet. */
  #changing = 0

  constructor(
    nodes: KeptNodes,
    changed: ChangedBytes,
    { chunks, content, size }: Pick<Entry, "chunks" | "content" | "size">,
  ) {
    this.#nodes = nodes
    this.#changed = changed
    this.#kept = content
    this.#size = this.#keptSize = size
    this.#keptChunks = chunksOf(size)
    this.#present = chunks
  }

  /** Chunks that are no holes. */
  get chunks(): number {
    return this.#present
  }

  get storedBytes(): number {
    return this.#present * chunkBytes
  }

  get size(): number {
    return this.#size
  }

  /** Chunks that have changed since it was kept. */
  get changes(): number {
    return this.#chunks.size
  }

  /** Bytes put into `target`, fewer only at the end. */
  read(target: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(target.length, this.#size - offset))
    for (let done = 0; done < count; ) {
      const position = offset + done
      const start = position % chunkBytes
      const length = Math.min(chunkBytes - start, count - done)
      const there = this.#copy(Math.floor(position / chunkBytes), start, target.subarray(done, done + length))
      if (there < length) target.fill(0, done + there, done + length)
      done += length
    }
    return count
  }

  /** Within one chunk. */
  write(bytes: Uint8Array, offset: number): void {
    const start = offset % chunkBytes
    this.#expectLists(Math.floor(offset / chunkBytes))
    this.#present += this.#isPresent(Math.floor(offset / chunkBytes)) ? 0 : 1
    const changing = this.#change(Math.floor(offset / chunkBytes), start + bytes.length)
    changing.buffer.set(bytes, start)
    changing.length = Math.max(changing.length, start + bytes.length)
    this.#size = Math.max(this.#size, offset + bytes.length)
  }

  /** A whole chunk that is an object already; the file reaches at least to `end`. */
  setChunk(index: number, digest: Digest | undefined, end: number): void {
    this.#expectLists(index)
    this.#present += (digest === undefined ? 0 : 1) - (this.#isPresent(index) ? 1 : 0)
    this.#forget(index)
    this.#chunks.set(index, digest)
    this.#size = Math.max(this.#size, end)
  }

  /** Makes a chunk an object that a write has just ended, and names it. */
  putChunk(index: number): Digest | undefined {
    const changing = this.#chunks.get(index)
    if (!isChanging(changing)) return changing
    const digest = putTrimmed(this.#nodes, changing.buffer.subarray(0, changing.length))
    this.#forget(index)
    this.#chunks.set(index, digest)
    if (digest === undefined) this.#present -= 1
    return digest
  }

  resize(size: number): void {
    if (size > 0) this.#expectLists(chunksOf(size) - 1)
    if (size < this.#size) {
      const chunks = chunksOf(size)
      const tail = size % chunkBytes
      const present = this.#presentBefore(chunks)
      if (tail > 0 && this.#chunk(chunks - 1) !== undefined) {
        const changing = this.#change(chunks - 1, 0)
        changing.length = Math.min(changing.length, tail)
        changing.buffer.fill(0, changing.length)
      }
      this.#present = present
      for (const index of this.#chunks.keys()) {
        if (index < chunks) continue
        this.#forget(index)
        this.#chunks.delete(index)
      }
      this.#keptChunks = Math.min(this.#keptChunks, chunks)
    }
    this.#size = size
  }

  /** Makes what has changed objects, the lists of chunks as well; returns what the entry names. */
  keep(): Digest | undefined {
    if (this.#chunks.size === 0 && this.#size === this.#keptSize) return this.#kept
    this.putChunks()
    const old = { content: this.#kept, size: this.#keptSize }
    const changes = this.#chunks as ChunkChanges
    this.#kept = changeChunks(this.#nodes, old, this.#keptChunks, changes, this.#size)
    this.#keptSize = this.#size
    this.#keptChunks = chunksOf(this.#size)
    this.#chunks.clear()
    return this.#kept
  }

  /** Makes chunks objects, and frees their memory. */
  putChunks(): void {
    if (this.#changing === 0) return
    for (const [index, chunk] of this.#chunks) if (isChanging(chunk)) this.putChunk(index)
  }

  /** Nobody will ask for it again. */
  discard(): void {
    for (const index of this.#chunks.keys()) this.#forget(index)
    this.#chunks.clear()
  }

  #chunk(index: number): Uint8Array | undefined {
    const chunk = this.#chunks.get(index)
    if (isChanging(chunk)) return chunk.buffer.subarray(0, chunk.length)
    const digest = chunk ?? this.#digest(index)
    return digest === undefined ? undefined : this.#nodes.chunk(digest)
  }

  /** Puts what there is of a chunk from `start` on into `target`; how much that is. */
  #copy(index: number, start: number, target: Uint8Array): number {
    const digest = this.#chunks.get(index) ?? this.#digest(index)
    if (typeof digest === "string" && target.length === chunkBytes)
      return this.#nodes.copyChunk(digest, target)
    const content = this.#chunk(index)?.subarray(start, start + target.length)
    if (content === undefined) return 0
    target.set(content)
    return content.length
  }

  #isPresent(index: number): boolean {
    if (this.#present === chunksOf(this.#size)) return index < this.#present
    return this.#chunks.has(index) ? this.#chunks.get(index) !== undefined : this.#digest(index) !== undefined
  }

  #presentBefore(chunks: number): number {
    if (this.#present === chunksOf(this.#size)) return chunks
    const kept = { content: this.#kept, size: this.#keptSize }
    let count = countChunks(this.#nodes, kept, 0, Math.min(chunks, this.#keptChunks))
    for (const [index, chunk] of this.#chunks) {
      if (index >= chunks) continue
      count += (chunk === undefined ? 0 : 1) - (this.#keptDigest(index) === undefined ? 0 : 1)
    }
    return count
  }

  #digest(index: number): Digest | undefined {
    return this.#chunks.has(index) ? undefined : this.#keptDigest(index)
  }

  #keptDigest(index: number): Digest | undefined {
    if (index >= this.#keptChunks) return undefined
    return findChunk(this.#nodes, { content: this.#kept, size: this.#keptSize }, index)
  }

  /** What is damaged of the lists that a change is kept in fails with the change, and not when everything is kept. */
  #expectLists(index: number): void {
    if (this.#keptChunks === 0) return
    const last = this.#keptChunks - 1
    if (index < last) this.#keptDigest(index)
    this.#keptDigest(last)
  }

  /** The chunk, to be written to up to `length`. */
  #change(index: number, length: number): Changing {
    const known = this.#chunks.get(index)
    const content = this.#chunk(index)
    const changing = isChanging(known) ? known : { buffer: Buffer.alloc(0), length: content?.length ?? 0 }
    const needed = Math.max(length, changing.length)
    if (needed > changing.buffer.length || !isChanging(known)) {
      const buffer = this.#changed.buffers.take(bufferBytes(needed))
      if (content !== undefined) buffer.set(content)
      this.#changed.bytes += buffer.length - changing.buffer.length
      this.#changed.buffers.giveBack(changing.buffer)
      changing.buffer = buffer
    }
    if (!isChanging(known)) {
      this.#chunks.set(index, changing)
      this.#changing += 1
      this.#changed.files.add(this)
    }
    return changing
  }

  #forget(index: number): void {
    const chunk = this.#chunks.get(index)
    if (!isChanging(chunk)) return
    this.#changed.bytes -= chunk.buffer.length
    this.#changed.buffers.giveBack(chunk.buffer)
    this.#changing -= 1
    if (this.#changing === 0) this.#changed.files.delete(this)
  }
}

const isChanging = (chunk: Changing | Digest | undefined): chunk is Changing => typeof chunk === "object"

function bufferBytes(needed: number): number {
  let bytes = LEAST_BUFFER_BYTES
  while (bytes < needed) bytes *= 2
  return Math.min(bytes, chunkBytes)
}

/** Undefined: nothing but zeros. */
export function putTrimmed(nodes: KeptNodes, chunk: Uint8Array): Digest | undefined {
  let { length } = chunk
  while (length > 0 && chunk[length - 1] === 0) length -= 1
  return length === 0 ? undefined : nodes.put("chunk", chunk.subarray(0, length))
}
