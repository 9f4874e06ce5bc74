import assert from "node:assert/strict"
import { decodeCommand, ExecArgumentError, encodeCommand } from "@skerry/services"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

/** Only ExecArgumentError comes out; what is decoded names a command, has no NUL, and is what its encoding decodes to. */
export const execArgument: FuzzTarget = {
  name: "exec-argument",
  generate(prng: Prng) {
    if (prng.chance(8)) return prng.bytes(prng.below(64))
    const words = Array.from({ length: 1 + prng.below(5) }, () =>
      Buffer.from(prng.bytes(prng.below(12))).toString("utf8"),
    )
    return mutate(prng, Buffer.from(encodeCommand(words)))
  },
  check(untrustedInput) {
    let words: readonly string[]
    try {
      words = decodeCommand(Buffer.from(untrustedInput).toString("latin1"))
    } catch (error) {
      if (!(error instanceof ExecArgumentError)) throw error
      return
    }
    assert.notEqual(words[0], "")
    for (const word of words) assert.ok(!word.includes("\0"))
    assert.deepEqual(decodeCommand(encodeCommand(words)), words)
  },
}
