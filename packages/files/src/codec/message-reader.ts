import { ProtocolError } from "@skerry/wire"

/**
 * Reads the fields of one message after the other, in place. Hand-written rather than made from codecs: it is on the
 * path of every operation. Only ProtocolError comes out of it.
 */
export class MessageReader {
  #bytes: Buffer = Buffer.alloc(0)
  #view = new DataView(this.#bytes.buffer, 0, 0)
  #at = 0
  #end = 0

  /** The fields of a message: from `start` to `end` of `untrustedBytes`, which must stay as they are while it is read. */
  open(untrustedBytes: Buffer, start: number, end: number): void {
    if (untrustedBytes !== this.#bytes) {
      this.#bytes = untrustedBytes
      this.#view = new DataView(untrustedBytes.buffer, untrustedBytes.byteOffset, untrustedBytes.byteLength)
    }
    this.#at = start
    this.#end = end
  }

  u8(): number {
    return this.#bytes[this.#take(1)] ?? 0
  }

  u16(): number {
    const at = this.#take(2)
    return this.#bytes.readUInt16LE(at)
  }

  u32(): number {
    const at = this.#take(4)
    return this.#bytes.readUInt32LE(at)
  }

  u64(): bigint {
    const at = this.#take(8)
    // Several times as fast as Buffer's own.
    return this.#view.getBigUint64(at, true)
  }

  /** As a number: exact up to 2^53, and on its right side of any larger power of two. */
  u64AsNumber(): number {
    const at = this.#take(8)
    return this.#bytes.readUInt32LE(at + 4) * 0x1_0000_0000 + this.#bytes.readUInt32LE(at)
  }

  /** A string's bytes, one a character: names are bytes in Linux. */
  bytesAsText(): string {
    const length = this.u16()
    const at = this.#take(length)
    return this.#bytes.toString("latin1", at, at + length)
  }

  /** A view, valid until the message is done with. */
  data(count: number): Buffer {
    const at = this.#take(count)
    return this.#bytes.subarray(at, at + count)
  }

  /** After the last field. */
  finish(): void {
    if (this.#at !== this.#end) {
      throw new ProtocolError("trailing-bytes", `${this.#end - this.#at} bytes after a message's last field`)
    }
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#end - at) throw new ProtocolError("truncated", "A message ends within a field")
    this.#at = at + count
    return at
  }
}
