import { WIRE_LIMITS } from "./limits.ts"
import { ProtocolError } from "./protocol-error.ts"

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Reads little-endian values from untrusted bytes; every read is bounds-checked. */
export class Reader {
  readonly #untrustedBytes: Uint8Array
  readonly #view: DataView
  #offset = 0
  #depth = 0

  constructor(untrustedBytes: Uint8Array) {
    this.#untrustedBytes = untrustedBytes
    this.#view = new DataView(untrustedBytes.buffer, untrustedBytes.byteOffset, untrustedBytes.byteLength)
  }

  #advance(count: number): number {
    const start = this.#offset
    if (count > this.#untrustedBytes.length - start) {
      throw new ProtocolError(
        "truncated",
        `Needed ${count} bytes at offset ${start}, message has ${this.#untrustedBytes.length}`,
      )
    }
    this.#offset = start + count
    return start
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true)
  }

  /** A view into the message, not a copy: it lives as long as the frame that holds it. */
  bytes(count: number): Uint8Array {
    const start = this.#advance(count)
    return this.#untrustedBytes.subarray(start, start + count)
  }

  text(byteCount: number): string {
    try {
      return strictUtf8.decode(this.bytes(byteCount))
    } catch (cause) {
      if (cause instanceof ProtocolError) throw cause
      throw new ProtocolError("bad-text", `Text of ${byteCount} bytes is not UTF-8`, { cause })
    }
  }

  /** All bytes not read yet. */
  rest(): Uint8Array {
    return this.bytes(this.#untrustedBytes.length - this.#offset)
  }

  nested<T>(read: () => T): T {
    if (this.#depth === WIRE_LIMITS.depth) {
      throw new ProtocolError("too-deep", `Values nest deeper than ${WIRE_LIMITS.depth}`)
    }
    this.#depth += 1
    const value = read()
    this.#depth -= 1
    return value
  }

  end(): void {
    const left = this.#untrustedBytes.length - this.#offset
    if (left !== 0) throw new ProtocolError("trailing-bytes", `${left} bytes follow the message`)
  }
}
