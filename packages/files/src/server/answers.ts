import { ERRNO } from "../codec/errno.ts"
import { MessageWriter } from "../codec/message-writer.ts"
import { HEADER_BYTES, RLERROR } from "../codec/messages.ts"
import type { FileErrorCode } from "../file-tree.ts"
import type { BufferPool } from "./buffer-pool.ts"
import type { TreeTurn } from "./served-tree.ts"

/** An Rlerror is by so much longer than the shortest answer that may become one. */
const ERROR_BYTES = 4
const EMPTY: Buffer = Buffer.alloc(0)

/**
 * One client's answers on their way out, in one buffer:
 *
 *   0 ≤ #start ≤ #released ≤ writer.at      taken by the client | may be taken | of this turn, not to be seen yet
 */
export class Answers {
  readonly writer = new MessageWriter(EMPTY)
  readonly #pool: BufferPool
  #start = 0
  #released = 0
  /** Answers of this turn that are good only if a commit is. */
  #waiting: { readonly at: number; readonly turn: TreeTurn }[] = []

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** Whether one more answer of up to `bytes` can be written, so that no more than `most` are kept. */
  hasRoom(bytes: number, most: number): boolean {
    return this.writer.at + (this.#waiting.length + 1) * ERROR_BYTES + bytes <= most
  }

  begin(type: number, tag: number): void {
    if (this.writer.bytes === EMPTY) this.writer.moveTo(this.#pool.take(), 0)
    this.writer.begin(type, tag)
  }

  /** The answer that begins at `at` becomes an error if that turn's commit fails. */
  wait(at: number, turn: TreeTurn): void {
    this.#waiting.push({ at, turn })
  }

  /** Ends a turn, after the commit: its answers may be taken. Calls `onTag` with the tag of each. */
  release(onTag: (tag: number) => void): void {
    if (this.#waiting.some(({ turn }) => turn.failure !== undefined)) this.#fail()
    this.#waiting.length = 0
    const { bytes, at: end } = this.writer
    for (let at = this.#released; at < end; at += bytes.readUInt32LE(at)) onTag(bytes.readUInt16LE(at + 5))
    this.#released = end
  }

  /** What may be taken; empty: nothing. Valid until taken() or close(). */
  pending(): Buffer {
    return this.writer.bytes.subarray(this.#start, this.#released)
  }

  /** The first `count` bytes of it are on their way. */
  taken(count: number): void {
    this.#start += count
    if (this.#start === this.#released && this.#released === this.writer.at) this.close()
  }

  /** Forgets everything. */
  close(): void {
    if (this.writer.bytes !== EMPTY) this.#pool.giveBack(this.writer.bytes)
    this.writer.moveTo(EMPTY, 0)
    this.#start = this.#released = 0
    this.#waiting.length = 0
  }

  /** Writes the answers of this turn anew, with errors in the place of those whose commit failed. */
  #fail(): void {
    const failures = new Map<number, FileErrorCode>()
    for (const { at, turn } of this.#waiting) if (turn.failure !== undefined) failures.set(at, turn.failure)
    const { bytes, at: end } = this.writer
    const before = Buffer.from(bytes.subarray(this.#released, end))
    const offset = this.#released
    this.writer.moveTo(bytes, offset)
    for (let at = 0; at < before.length; at += before.readUInt32LE(at)) {
      const failure = failures.get(offset + at)
      if (failure === undefined) this.writer.data(before.subarray(at, at + before.readUInt32LE(at)))
      else this.error(before.readUInt16LE(at + HEADER_BYTES - 2), failure)
    }
  }

  error(tag: number, code: FileErrorCode): void {
    this.begin(RLERROR, tag)
    this.writer.u32(ERRNO[code])
    this.writer.end()
  }
}
