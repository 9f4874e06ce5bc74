import assert from "node:assert/strict"
import { createCipheriv, randomBytes } from "node:crypto"
import { test } from "node:test"
import { release } from "./release.ts"

test("what a cipher made is released at once", () => {
  const sealed = createCipheriv("aes-256-gcm", randomBytes(32), randomBytes(12)).update(randomBytes(131_072))
  release(sealed)
  assert.equal(sealed.length, 0)
  assert.equal(sealed.buffer.byteLength, 0)
  release(sealed)
})

test("a buffer that shares its memory with others is left alone", () => {
  const whole = Buffer.allocUnsafeSlow(4096)
  const part = whole.subarray(0, 4095)
  const pooled = Buffer.from("small")
  release(part)
  release(pooled)
  assert.equal(part.length, 4095)
  assert.equal(pooled.toString(), "small")
})
