import assert from "node:assert/strict"
import { CONVERT_LIMITS, ConvertError, PageReader } from "@skerry/services"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const pages = Buffer.concat([
  Buffer.from("2\n3 2\n"),
  Buffer.alloc(18, 7),
  Buffer.from("1 1\n"),
  Buffer.of(10, 49, 32),
])

/** What a stream says, fed in pieces of this size: its pages, and how it ended. */
async function readAll(untrustedInput: Uint8Array, pieceBytes: number): Promise<string[]> {
  const pieces = async function* () {
    for (let at = 0; at < untrustedInput.length; at += pieceBytes)
      yield untrustedInput.subarray(at, at + pieceBytes)
  }
  const reader = new PageReader(pieces())
  const seen: string[] = []
  try {
    const count = await reader.readPageCount()
    assert.ok(count >= 1 && count <= CONVERT_LIMITS.pages)
    for (let page = 1; page <= count; page++) {
      const { width, height } = await reader.readPageSize(page)
      assert.ok(Math.max(width, height) <= CONVERT_LIMITS.sidePixels && Math.min(width, height) >= 1)
      let byteCount = 0
      for await (const piece of reader.readPixels(page, { width, height })) byteCount += piece.length
      assert.equal(byteCount, width * height * 3)
      seen.push(`${width} x ${height}`)
    }
    await reader.readEnd()
    seen.push("end")
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error
    seen.push(error.message)
  }
  return seen
}

/** Only ConvertError comes out, pages have exactly their bytes, and pieces make no difference. */
export const pageReader: FuzzTarget = {
  name: "page-reader",
  generate: (prng: Prng) => (prng.chance(8) ? prng.bytes(prng.below(64)) : mutate(prng, pages)),
  async check(untrustedInput) {
    const whole = await readAll(untrustedInput, Math.max(1, untrustedInput.length))
    assert.deepEqual(await readAll(untrustedInput, 1), whole)
    assert.deepEqual(await readAll(untrustedInput, 5), whole)
  },
}
