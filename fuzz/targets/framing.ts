import assert from "node:assert/strict"
import { FrameReader, ProtocolError, WIRE_LIMITS, writeFrame } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

/** What a stream says, fed in pieces of this size: its frames, and how it ended. */
function readAll(untrustedInput: Uint8Array, pieceBytes: number): string[] {
  const reader = new FrameReader()
  const seen: string[] = []
  try {
    for (let at = 0; at < untrustedInput.length; at += pieceBytes) {
      reader.push(untrustedInput.subarray(at, at + pieceBytes), ({ call, type, payload }) => {
        assert.ok(payload.length <= WIRE_LIMITS.frameBytes)
        seen.push(`${call} ${type} ${Buffer.from(payload).toString("base64")}`)
      })
    }
    seen.push(`between frames: ${reader.isBetweenFrames}`)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    seen.push(error.code)
  }
  return seen
}

/** Only ProtocolError comes out, and pieces make no difference. */
export const framing: FuzzTarget = {
  name: "framing",
  generate(prng: Prng) {
    if (prng.chance(8)) return prng.bytes(prng.below(64))
    const frames = Array.from({ length: prng.below(5) }, () =>
      writeFrame(prng.below(4), prng.below(256), prng.bytes(prng.chance(4) ? 0 : prng.below(100))),
    )
    return mutate(prng, Buffer.concat(frames))
  },
  check(untrustedInput) {
    const whole = readAll(untrustedInput, Math.max(1, untrustedInput.length))
    assert.deepEqual(readAll(untrustedInput, 1), whole)
    assert.deepEqual(readAll(untrustedInput, 7), whole)
  },
}
