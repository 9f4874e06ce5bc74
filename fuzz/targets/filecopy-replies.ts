import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import { FilecopyError, sendFiles } from "@skerry/services"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const GREETING = Buffer.from("SKERRY-RESUME-1\n")
/** Long enough for an offer. */
const FILE = Buffer.alloc(1024 * 1024, "x")

function reply(prng: Prng): Buffer {
  const bytes = Buffer.alloc(16)
  if (prng.chance(4)) bytes.writeUInt32LE(prng.pick([17, 22, 122, 0xffff_ffff]), 0)
  bytes.writeBigUInt64LE(BigInt(prng.pick([0, 5, FILE.length, FILE.length + 1])), 8)
  const name = Buffer.from(prng.bytes(prng.below(20)))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(prng.chance(4) ? prng.u32() : name.length)
  return Buffer.concat([bytes, prng.chance(2) ? Buffer.from(prng.bytes(32)) : Buffer.concat([length, name])])
}

/** Whatever a receiver says, a sender ends, and only FilecopyError comes out. */
export const filecopyReplies: FuzzTarget = {
  name: "filecopy-replies",
  generate(prng: Prng) {
    const replies = Array.from({ length: prng.below(4) }, () => reply(prng))
    const stream = Buffer.concat([...(prng.chance(4) ? [] : [GREETING]), ...replies])
    return prng.chance(2) ? stream : mutate(prng, stream)
  },
  async check(untrustedInput) {
    const folder = mkdtempSync(join(tmpdir(), "skerry-fuzz-"))
    try {
      const path = join(folder, "file")
      writeFileSync(path, FILE)
      await sendFiles({
        paths: [path],
        output: new PassThrough().resume(),
        replies: Readable.from([Buffer.from(untrustedInput)], { objectMode: false }),
        resume: true,
        ignoreSymlinks: false,
      }).catch((error: unknown) => {
        if (!(error instanceof FilecopyError)) throw error
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}
