import { WIRE_LIMITS } from "./limits.ts"
import { ProtocolError } from "./protocol-error.ts"

/*
 *  0        4        8      9
 *  +--------+--------+------+------------------+
 *  | length | call   | type | payload          |
 *  +--------+--------+------+------------------+
 *   u32 LE   u32 LE   u8     `length` bytes, at most WIRE_LIMITS.frameBytes
 */
const HEADER_BYTES = 9

export interface Frame {
  /** Which call the frame belongs to. */
  readonly call: number
  readonly type: number
  /** Valid until the next push(): copy what must live longer. */
  readonly payload: Uint8Array
}

export function writeFrame(call: number, type: number, payload: Uint8Array): Buffer {
  if (payload.length > WIRE_LIMITS.frameBytes) {
    throw new RangeError(`A frame of ${payload.length} bytes is over the limit of ${WIRE_LIMITS.frameBytes}`)
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame.writeUInt32LE(call, 4)
  frame.writeUInt8(type, 8)
  frame.set(payload, HEADER_BYTES)
  return frame
}

/**
 * Cuts a byte stream into frames. A frame that arrives in many pieces is assembled once, in a buffer of its
 * own size, so that a peer which sends byte by byte costs no more than its bytes.
 */
export class FrameReader {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerLength = 0
  #partial: Buffer | undefined
  #partialLength = 0

  /** Calls `onFrame` for each frame that `untrustedChunk` completes. Throws ProtocolError "too-large". */
  push(untrustedChunk: Uint8Array, onFrame: (frame: Frame) => void): void {
    let offset = 0
    while (offset < untrustedChunk.length) {
      if (this.#headerLength < HEADER_BYTES) {
        const piece = untrustedChunk.subarray(offset, offset + HEADER_BYTES - this.#headerLength)
        this.#header.set(piece, this.#headerLength)
        this.#headerLength += piece.length
        offset += piece.length
        if (this.#headerLength < HEADER_BYTES) return
      }
      const length = this.#header.readUInt32LE(0)
      if (length > WIRE_LIMITS.frameBytes) {
        throw new ProtocolError("too-large", `A frame of ${length} bytes is over ${WIRE_LIMITS.frameBytes}`)
      }
      const missing = length - this.#partialLength
      const piece = untrustedChunk.subarray(offset, offset + missing)
      offset += piece.length
      if (this.#partial === undefined && piece.length === length) {
        this.#emit(piece, onFrame)
        continue
      }
      this.#partial ??= Buffer.allocUnsafe(length)
      this.#partial.set(piece, this.#partialLength)
      this.#partialLength += piece.length
      if (this.#partialLength === length) this.#emit(this.#partial, onFrame)
    }
    // A frame without payload is complete as soon as its header is.
    if (this.#headerLength === HEADER_BYTES && this.#header.readUInt32LE(0) === 0) {
      this.#emit(new Uint8Array(0), onFrame)
    }
  }

  /** True between frames: a stream that ends elsewhere was cut. */
  get isBetweenFrames(): boolean {
    return this.#headerLength === 0
  }

  #emit(payload: Uint8Array, onFrame: (frame: Frame) => void): void {
    const call = this.#header.readUInt32LE(4)
    const type = this.#header.readUInt8(8)
    this.#headerLength = 0
    this.#partial = undefined
    this.#partialLength = 0
    onFrame({ call, type, payload })
  }
}
