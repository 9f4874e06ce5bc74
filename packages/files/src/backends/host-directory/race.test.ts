import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { parseEntryName } from "../../codec/entry-name.ts"
import { FileError } from "../../file-tree.ts"
import { folderFor, openHostDirectory, readWhole, WRITE } from "./testing.ts"

const ROUNDS = 20_000

/** What an act did: its code where it failed as it may. */
function outcome(act: () => string): string {
  try {
    return act()
  } catch (error) {
    if (error instanceof FileError) return error.code
    throw error
  }
}

test(`${ROUNDS} walks against a directory that becomes a symlink and back never lead out`, async (t) => {
  const path = folderFor(t)
  const outside = join(path, "outside")
  mkdirSync(outside)
  writeFileSync(join(outside, "file"), "outside")
  writeFileSync(join(outside, "secret"), "outside")
  const served = join(path, "served")
  mkdirSync(join(served, "door"), { recursive: true })
  writeFileSync(join(served, "door/file"), "inside")
  symlinkSync(outside, join(served, "link"))
  const arguments_ = [join(import.meta.dirname, "swap-loop.ts"), served, "door", "link"]
  const swapper = spawn(process.execPath, arguments_, { stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(swapper, "exit")
  t.after(() => swapper.kill("SIGKILL"))
  await once(swapper.stdout, "data")

  const { tree, root } = openHostDirectory(t, served)
  const [door, file, secret] = [parseEntryName("door"), parseEntryName("file"), parseEntryName("secret")]
  const seen = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    const found = outcome(() => {
      const directory = tree.walk(root, door)
      try {
        const node = tree.walk(directory, round % 3 === 0 ? secret : file)
        const content = readWhole(tree, node)
        tree.release(node)
        if (round % 4 === 0) {
          const planted = tree.create(directory, parseEntryName(`planted-${round % 64}`), WRITE, 0o644)
          tree.close(planted)
          tree.release(planted.node)
        }
        return content
      } finally {
        tree.release(directory)
      }
    })
    seen.set(found, (seen.get(found) ?? 0) + 1)
  }
  swapper.kill("SIGKILL")
  await ended
  assert.equal(seen.get("outside"), undefined)
  // Both were met, or it was no race.
  assert.ok((seen.get("inside") ?? 0) > 0 && (seen.get("ENOTDIR") ?? 0) > 0, JSON.stringify([...seen]))
  assert.deepEqual(
    [...seen.keys()].filter((key) => !["inside", "ENOTDIR", "ENOENT"].includes(key)),
    [],
  )
  assert.deepEqual(readdirSync(outside).sort(), ["file", "secret"])
})
