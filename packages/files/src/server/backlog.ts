import type { BufferPool } from "./buffer-pool.ts"

const EMPTY: Buffer = Buffer.alloc(0)

/**
 * What a client has sent and what is not handled yet: an unfinished request, or requests that wait for room. It holds a
 * buffer only while there is something: 0 ≤ start ≤ end ≤ bytes.length.
 */
export class Backlog {
  readonly #pool: BufferPool
  #bytes = EMPTY
  #start = 0
  #end = 0

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  get length(): number {
    return this.#end - this.#start
  }

  add(untrustedBytes: Buffer): void {
    this.room(untrustedBytes.length).set(untrustedBytes)
    this.added(untrustedBytes.length)
  }

  /** The next `count` bytes, to be written by somebody else; then added(). RangeError: more was read than the session wanted. */
  room(count: number): Buffer {
    if (this.#bytes === EMPTY) this.#bytes = this.#pool.take()
    if (this.#end + count > this.#bytes.length) {
      this.#bytes.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    }
    if (this.#end + count > this.#bytes.length) {
      throw new RangeError(`A backlog of ${this.#end} bytes has no room for ${count}`)
    }
    return this.#bytes.subarray(this.#end, this.#end + count)
  }

  /** `count` bytes were written to what room() gave last. */
  added(count: number): void {
    this.#end += count
  }

  /** The first `count` bytes were handled. */
  take(count: number): void {
    this.#start += count
    if (this.#start === this.#end) this.close()
  }

  close(): void {
    if (this.#bytes !== EMPTY) this.#pool.giveBack(this.#bytes)
    this.#bytes = EMPTY
    this.#start = this.#end = 0
  }
}
