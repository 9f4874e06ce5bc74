import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { test } from "node:test"
import { compress, decompress, looksCompressible } from "./compressing.ts"

test("text is compressed, and random bytes and what is small are not", () => {
  for (const bytes of [512, 4096, 131_072]) {
    const text = Buffer.alloc(bytes, "a line of text that is like others\n")
    const compressed = compress(text)
    assert.ok(compressed !== undefined && compressed.length < bytes / 4)
    assert.deepEqual(Buffer.from(decompress(compressed, bytes)), text)
    assert.equal(compress(randomBytes(bytes)), undefined)
  }
  assert.equal(compress(Buffer.alloc(511)), undefined)
})

test("the headers of pages do not make what is in them look like text", () => {
  const pages = randomBytes(131_072)
  for (let at = 0; at < pages.length; at += 4096) pages.fill(0, at, at + 64)
  assert.equal(looksCompressible(pages), false)
})

test("what decompresses to another size is refused", () => {
  const compressed = compress(Buffer.alloc(4096, "text"))
  assert.ok(compressed)
  assert.throws(() => decompress(compressed, 4095))
  assert.throws(() => decompress(compressed, 4097))
})
