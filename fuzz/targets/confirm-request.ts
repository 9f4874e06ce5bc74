import assert from "node:assert/strict"
import { encodeConfirmRequest, parseConfirmRequest } from "@skerry/services"
import { ProtocolError } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const examples: readonly [Uint8Array, ...Uint8Array[]] = [
  encodeConfirmRequest({ callId: "", operation: "list", title: "", details: [], rememberable: false }),
  encodeConfirmRequest({
    callId: "k3j5h2",
    operation: "sign 0123456789ABCDEF",
    title: "Sign a commit – “quoted”",
    details: [
      { label: "Key", text: "0123 4567 89AB CDEF" },
      { label: "Text", text: "One line\n\nand another ✓ \u0000" },
    ],
    rememberable: true,
  }),
]

/** Only ProtocolError comes out; what is accepted is encoded and read to the same again. */
export const confirmRequest: FuzzTarget = {
  name: "confirm-request",
  generate: (prng: Prng) => (prng.chance(8) ? prng.bytes(prng.below(64)) : mutate(prng, prng.pick(examples))),
  check(untrustedInput) {
    let value: ReturnType<typeof parseConfirmRequest>
    try {
      value = parseConfirmRequest(untrustedInput)
    } catch (error) {
      if (error instanceof ProtocolError) return
      throw error
    }
    assert.deepEqual(parseConfirmRequest(encodeConfirmRequest(value)), value)
  },
}
