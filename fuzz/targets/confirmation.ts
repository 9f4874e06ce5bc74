import assert from "node:assert/strict"
import { encodeConfirmRequest, parseConfirmRequest } from "@skerry/services"
import { ProtocolError } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { FuzzTarget } from "../target.ts"

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")

/** Only ProtocolError comes out; a request that can be read can be sent again, and is the same. */
export const confirmation: FuzzTarget = {
  name: "confirmation",
  generate(prng) {
    if (prng.chance(8)) return prng.bytes(prng.below(64))
    const details = Array.from({ length: prng.below(4) }, () => ({
      label: text(prng.bytes(prng.below(8))),
      text: text(prng.bytes(prng.below(40))),
    }))
    const [operation, title] = [`o${text(prng.bytes(prng.below(8)))}`, text(prng.bytes(prng.below(20)))]
    const rememberable = prng.chance(2)
    const request = encodeConfirmRequest({ callId: "c", operation, title, details, rememberable })
    return mutate(prng, Buffer.from(request))
  },
  check(untrustedInput) {
    try {
      const found = parseConfirmRequest(untrustedInput)
      assert.deepEqual(parseConfirmRequest(encodeConfirmRequest(found)), found)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
    }
  },
}
