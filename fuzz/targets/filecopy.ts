import assert from "node:assert/strict"
import {
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import { FilecopyError, receiveFiles } from "@skerry/services"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const QUOTA = { entries: 50, bytes: 10_000 }
const NAMES = [
  "a",
  "b",
  "a/b",
  "a/b/c",
  "..",
  "a/../b",
  "/x",
  "a/l",
  "a//b",
  ".skerry-partial/x",
  "a\n",
  "",
] as const
const MODES = [0o100_644, 0o040_755, 0o120_777, 0o106_755, 0o060_666, 0] as const
const TARGETS = ["b", "../b", "../../x", "/etc/passwd", "b/../../..", "."] as const

function entry(prng: Prng): Buffer {
  const mode = prng.pick(MODES)
  const name = Buffer.from(`${prng.pick(NAMES)}\0`)
  const isDirectory = mode === 0o040_755
  const content = isDirectory
    ? Buffer.alloc(0)
    : Buffer.from(prng.chance(2) ? prng.pick(TARGETS) : prng.bytes(prng.below(40)))
  const header = Buffer.alloc(32)
  header.writeUInt32LE(name.length, 0)
  header.writeUInt32LE(mode, 4)
  header.writeBigUInt64LE(BigInt(content.length), 8)
  return Buffer.concat([header, name, content])
}

/** Nothing but files, directories and symlinks that stay inside, and nothing outside the directory. */
function checkTree(root: string, path: string, depth: number): number {
  let bytes = 0
  for (const name of readdirSync(path)) {
    const found = lstatSync(join(path, name))
    assert.ok(found.isFile() || found.isDirectory() || found.isSymbolicLink())
    assert.equal(found.mode & 0o7000, 0)
    if (found.isDirectory()) bytes += checkTree(root, join(path, name), depth + 1)
    else if (found.isFile()) bytes += found.size
    else {
      const target = readlinkSync(join(path, name))
      const levelsUp = target.split("/").filter((part) => part === "..").length
      assert.ok(!target.startsWith("/") && levelsUp < depth, `${name} points to ${target}`)
    }
  }
  return bytes
}

/** Only FilecopyError comes out, and whatever came, the tree that it left is harmless. */
export const filecopy: FuzzTarget = {
  name: "filecopy",
  generate(prng: Prng) {
    const entries = Array.from({ length: prng.below(8) }, () => entry(prng))
    const stream = Buffer.concat([...entries, Buffer.alloc(32)])
    return prng.chance(3) ? stream : mutate(prng, stream)
  },
  async check(untrustedInput) {
    const folder = mkdtempSync(join(tmpdir(), "skerry-fuzz-"))
    try {
      const root = join(folder, "root")
      mkdirSync(root)
      await receiveFiles({
        directory: openSync(root, constants.O_RDONLY | constants.O_DIRECTORY),
        input: Readable.from([Buffer.from(untrustedInput)], { objectMode: false }),
        replies: new PassThrough(),
        quota: QUOTA,
        allNames: false,
        resume: false,
      }).catch((error: unknown) => {
        if (!(error instanceof FilecopyError)) throw error
      })
      assert.deepEqual(readdirSync(folder), ["root"])
      assert.ok(checkTree(root, root, 0) <= QUOTA.bytes)
      assert.ok(!existsSync(join(root, ".skerry-partial")))
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}
