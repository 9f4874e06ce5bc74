import assert from "node:assert/strict"
import { createSecretKey } from "node:crypto"
import { test } from "node:test"
import { NONCE_BYTES, Sealer } from "./sealing.ts"

const key = createSecretKey(Buffer.alloc(32, 1))
const nonces = (openings: number, now: number, random: number) => {
  const sealer = new Sealer({ openings, now: () => now, randomBytes: (count) => Buffer.alloc(count, random) })
  return Array.from({ length: 3 }, () =>
    Buffer.from(sealer.sealWhole(key, Buffer.alloc(0), Buffer.from("x")).subarray(0, NONCE_BYTES)).toString(
      "hex",
    ),
  )
}

test("two nonces are equal only where count, time and random numbers of two openings all are", () => {
  const all = [...nonces(1, 1, 1), ...nonces(2, 1, 1), ...nonces(1, 2, 1), ...nonces(1, 1, 2)]
  assert.equal(new Set(all).size, all.length)
  assert.deepEqual(nonces(1, 1, 1), nonces(1, 1, 1))
})
