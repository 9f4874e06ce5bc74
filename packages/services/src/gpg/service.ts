import type { Readable } from "node:stream"
import { quoted } from "@skerry/model"
import { decode, ProtocolError } from "@skerry/wire"
import type { Program } from "../program.ts"
import type { Ask } from "../question.ts"
import { approve } from "./approve.ts"
import { gpgArguments } from "./arguments.ts"
import { answerWriter, readRequestParts } from "./frames.ts"
import { GpgError } from "./gpg-error.ts"
import { GPG_LIMITS } from "./limits.ts"
import { GpgRequest } from "./request.ts"
import { VaultGpg } from "./vault-gpg.ts"

/** The service skerry.Gpg: reads a request whole, asks where a secret key would be used, and runs the vault's gpg. */
export function gpgService(askOf: (io: Parameters<Program>[0]) => Ask): Program {
  return async (io) => {
    const answer = answerWriter(io.stdout)
    const exit = async (status: number) => {
      await answer.write("exit", Uint8Array.of(status))
      return status
    }
    try {
      const { request, ...input } = await readRequest(io.stdin)
      const gpg = new VaultGpg(io.environment)
      const { signers } = await approve(request, input.data, gpg, askOf(io))
      return await exit(await gpg.relay(gpgArguments(request, signers), input, answer))
    } catch (error) {
      if (!(error instanceof GpgError) && !(error instanceof ProtocolError)) throw error
      await answer.write("stderr", Buffer.from(`skerry-gpg: ${error.message}\n`))
      if (error.code === "refused") await answer.write("status", Buffer.from(CANCELLED))
      return exit(2)
    }
  }
}

/** As gpg says that its user called it off (libgpg-error: 99, GPG_ERR_CANCELED). */
const CANCELLED = "[GNUPG:] ERROR skerry 99\n"

async function readRequest(untrustedInput: Readable) {
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

class BoundedBytes {
  readonly #what: string
  readonly #max: number
  #pieces: Uint8Array[] = []
  #length = 0
  constructor(what: string, max: number) {
    this.#what = what
    this.#max = max
  }

  add(untrustedBytes: Uint8Array): void {
    this.#length += untrustedBytes.length
    if (this.#length > this.#max) {
      throw new GpgError(
        "too-large",
        `${this.#what} takes over ${this.#max} bytes, more than the vault accepts`,
      )
    }
    this.#pieces.push(Uint8Array.from(untrustedBytes))
  }

  take(): Uint8Array {
    const whole = Buffer.concat(this.#pieces)
    this.#pieces = []
    return whole
  }
}
