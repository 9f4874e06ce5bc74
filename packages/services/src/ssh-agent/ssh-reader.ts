export type SshErrorCode =
  | "bad-message" // bytes that are no message of the agent's protocol
  | "no-agent" // the vault runs none
  | "usage"

export class SshError extends Error {
  override readonly name = "SshError"
  readonly code: SshErrorCode
  constructor(code: SshErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Reads SSH's data types (RFC 4251, section 5) from untrusted bytes. Throws SshError "bad-message". */
export class SshReader {
  readonly #untrustedBytes: Buffer
  #offset = 0

  constructor(untrustedBytes: Uint8Array) {
    const { buffer, byteOffset, byteLength } = untrustedBytes
    this.#untrustedBytes = Buffer.from(buffer, byteOffset, byteLength)
  }

  u8(): number {
    return this.#untrustedBytes.readUInt8(this.#advance(1))
  }

  u32(): number {
    return this.#untrustedBytes.readUInt32BE(this.#advance(4))
  }

  bool(): boolean {
    return this.u8() !== 0
  }

  bytes(count: number): Buffer {
    const start = this.#advance(count)
    return this.#untrustedBytes.subarray(start, start + count)
  }

  /** SSH's "string": a length, then so many bytes. */
  string(): Buffer {
    return this.bytes(this.u32())
  }

  text(max: number): string {
    const bytes = this.string()
    if (bytes.length > max)
      throw new SshError("bad-message", `A text of ${bytes.length} bytes is over ${max}`)
    try {
      return strictUtf8.decode(bytes)
    } catch (cause) {
      throw new SshError("bad-message", "A text is not UTF-8", { cause })
    }
  }

  end(): void {
    const left = this.#untrustedBytes.length - this.#offset
    if (left !== 0) throw new SshError("bad-message", `${left} bytes follow the message`)
  }

  #advance(count: number): number {
    const start = this.#offset
    if (count > this.#untrustedBytes.length - start) {
      throw new SshError("bad-message", `Needed ${count} bytes at offset ${start}`)
    }
    this.#offset = start + count
    return start
  }
}

/** The inverse of `string()`. */
export function sshString(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes as Uint8Array)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}
