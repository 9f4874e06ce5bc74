import { type Codec, decode, encode, ProtocolError } from "@skerry/wire"

/* Records in a byte stream: a u32 (little-endian) with the length, then the record. */

const LENGTH_BYTES = 4

export function framedRecord<T>(codec: Codec<T>, value: T): Uint8Array {
  const record = encode(codec, value)
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + record.length)
  framed.writeUInt32LE(record.length)
  framed.set(record, LENGTH_BYTES)
  return framed
}

/** Puts records together that come in pieces. */
export class RecordReader<T> {
  readonly #codec: Codec<T>
  readonly #mostBytes: number
  /** What has come of the next record. */
  #buffer = Buffer.allocUnsafe(64 * 1024)
  #length = 0

  constructor(codec: Codec<T>, mostBytes: number) {
    this.#codec = codec
    this.#mostBytes = mostBytes
  }

  /** Views in a record are valid during `onRecord` only. Throws ProtocolError. */
  push(untrustedBytes: Uint8Array, onRecord: (record: T) => void): void {
    this.#expect(this.#length + untrustedBytes.length)
    this.#buffer.set(untrustedBytes, this.#length)
    this.#length += untrustedBytes.length
    let start = 0
    while (this.#length - start >= LENGTH_BYTES) {
      const bytes = this.#buffer.readUInt32LE(start)
      if (bytes > this.#mostBytes) throw new ProtocolError("too-large", `A record of ${bytes} bytes`)
      const end = start + LENGTH_BYTES + bytes
      if (end > this.#length) break
      onRecord(decode(this.#codec, this.#buffer.subarray(start + LENGTH_BYTES, end)))
      start = end
    }
    this.#buffer.copyWithin(0, start, this.#length)
    this.#length -= start
  }

  /** Throws ProtocolError where a record was cut off. */
  end(): void {
    if (this.#length > 0) throw new ProtocolError("truncated", "The last record was cut off")
  }

  #expect(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(bytes, this.#buffer.length * 2))
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
  }
}
