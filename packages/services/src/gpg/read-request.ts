import type { Readable } from "node:stream"
import { quoted } from "@skerry/model"
import { decode, ProtocolError } from "@skerry/wire"
import { readRequestParts } from "./frames.ts"
import { GpgError } from "./gpg-error.ts"
import { GPG_LIMITS } from "./limits.ts"
import { GpgRequest } from "./request.ts"

export interface ReadRequest {
  readonly request: GpgRequest
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

/** A request and all that belongs to it. Throws ProtocolError, or GpgError "too-large". */
export async function readRequest(untrustedInput: Readable): Promise<ReadRequest> {
  let request: GpgRequest | undefined
  const data = new BoundedBytes("The input", GPG_LIMITS.inputBytes)
  const signature = new BoundedBytes("The signature", GPG_LIMITS.signatureBytes)
  for await (const { part, untrustedBytes } of readRequestParts(untrustedInput)) {
    if (part === "request" ? request !== undefined : request === undefined) {
      throw new ProtocolError("out-of-order", `The part ${quoted(part)} comes at the wrong place`)
    }
    if (part === "request") request = decode(GpgRequest, untrustedBytes)
    else if (part === "data") data.add(untrustedBytes)
    else if (part === "signature") signature.add(untrustedBytes)
    else if (request !== undefined) return { request, data: data.take(), signature: signature.take() }
  }
  throw new ProtocolError("truncated", "The request ends too early")
}

/** One buffer that grows: a stream cut into bytes costs no more than its bytes. */
class BoundedBytes {
  readonly #what: string
  readonly #max: number
  #bytes = new Uint8Array(4096)
  #length = 0
  constructor(what: string, max: number) {
    this.#what = what
    this.#max = max
  }

  add(untrustedBytes: Uint8Array): void {
    const length = this.#length + untrustedBytes.length
    if (length > this.#max) {
      throw new GpgError(
        "too-large",
        `${this.#what} takes over ${this.#max} bytes, more than the vault accepts`,
      )
    }
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, Math.min(2 * this.#bytes.length, this.#max)))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes.set(untrustedBytes, this.#length)
    this.#length = length
  }

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
