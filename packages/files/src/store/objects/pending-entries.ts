import type { ObjectKind } from "../object-store.ts"

/**
 * How many entries may wait, and their bytes. Their keys are random, so that each may touch a page of its own, which
 * LMDB holds in memory until it is written.
 */
const MOST = { entries: 8192, bytes: 8 * 2 ** 20 } as const

/** Entries of the index since the last commit. */
export class PendingEntries {
  /** By object key in latin1. */
  readonly #entries = new Map<string, Buffer>()
  #bytes = 0
  #hasInlineChunks = false

  get count(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#entries.size >= MOST.entries || this.#bytes > MOST.bytes
  }

  /** Chunks that a segment's sync does not make durable, because they stand in the index. */
  get hasInlineChunks(): boolean {
    return this.#hasInlineChunks
  }

  has(objectKey: Buffer): boolean {
    return this.#entries.has(objectKey.toString("latin1"))
  }

  get(objectKey: Buffer): Buffer | undefined {
    return this.#entries.get(objectKey.toString("latin1"))
  }

  add(objectKey: Buffer, value: Buffer, kind: ObjectKind, isInline: boolean): void {
    this.#entries.set(objectKey.toString("latin1"), value)
    this.#bytes += objectKey.length + value.length
    if (kind === "chunk" && isInline) this.#hasInlineChunks = true
  }

  *all(): Generator<readonly [Buffer, Buffer]> {
    for (const [key, value] of this.#entries) yield [Buffer.from(key, "latin1"), value]
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
    this.#hasInlineChunks = false
  }
}
