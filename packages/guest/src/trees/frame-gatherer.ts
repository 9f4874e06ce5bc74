import { HEADER_BYTES } from "@skerry/files/codec"

/** A peer that breaks the framing of 9P. */
export class OverlongMessage extends Error {
  override readonly name = "OverlongMessage"
  constructor(bytes: number) {
    super(`A message of ${bytes} bytes`)
  }
}

/**
 * Cuts a stream into messages (size[4] …). Those that lie whole in a piece of input are views of it; one that does not is
 * put together apart, in one of two buffers by turns: so what is given out stays as it is until the next piece is gathered.
 */
export class FrameGatherer {
  readonly #most: number
  #apart: Buffer
  #spare: Buffer
  #have = 0

  constructor(messageBytes: number) {
    this.#most = messageBytes
    this.#apart = Buffer.allocUnsafeSlow(messageBytes)
    this.#spare = Buffer.allocUnsafeSlow(messageBytes)
  }

  /** Forgets what is unfinished. */
  reset(): void {
    this.#have = 0
  }

  gather(input: Buffer, onMessage: (message: Buffer) => void): void {
    let at = 0
    while (this.#have > 0 && at < input.length) {
      at += this.#fill(input, at)
      const bytes = this.#have < HEADER_BYTES ? HEADER_BYTES : this.#size(this.#apart, 0)
      if (this.#have < bytes || this.#have < HEADER_BYTES) continue
      const whole = this.#apart.subarray(0, this.#have)
      ;[this.#apart, this.#spare] = [this.#spare, this.#apart]
      this.#have = 0
      onMessage(whole)
    }
    while (input.length - at >= HEADER_BYTES) {
      const bytes = this.#size(input, at)
      if (bytes > input.length - at) break
      onMessage(input.subarray(at, at + bytes))
      at += bytes
    }
    if (at < input.length) this.#have = input.copy(this.#apart, 0, at)
  }

  /** Towards a header, then towards the whole. */
  #fill(input: Buffer, at: number): number {
    const wanted = this.#have < HEADER_BYTES ? HEADER_BYTES : this.#size(this.#apart, 0)
    const count = input.copy(this.#apart, this.#have, at, Math.min(input.length, at + wanted - this.#have))
    this.#have += count
    return count
  }

  #size(bytes: Buffer, at: number): number {
    const size = bytes.readUInt32LE(at)
    if (size < HEADER_BYTES || size > this.#most) throw new OverlongMessage(size)
    return size
  }
}
