import assert from "node:assert/strict"
import { decodeConfirmation, encodeConfirmation } from "@skerry/services"
import { mutate } from "../mutate.ts"
import type { FuzzTarget } from "../target.ts"

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")

/** A question comes out, or a problem; what comes out can be sent again and is the same. */
export const confirmation: FuzzTarget = {
  name: "confirmation",
  generate(prng) {
    if (prng.chance(8)) return prng.bytes(prng.below(64))
    const details = Array.from({ length: prng.below(4) }, () => ({
      label: text(prng.bytes(prng.below(8))),
      text: text(prng.bytes(prng.below(40))),
    }))
    const [operation, title] = [text(prng.bytes(prng.below(8))), text(prng.bytes(prng.below(20)))]
    const request = encodeConfirmation({ operation, title, details, rememberable: prng.chance(2) })
    return mutate(prng, Buffer.from(request))
  },
  check(untrustedInput) {
    const found = decodeConfirmation(text(untrustedInput))
    if ("problem" in found) return
    assert.deepEqual(decodeConfirmation(encodeConfirmation(found)), found)
  },
}
