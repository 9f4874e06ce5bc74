import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { openStreamIn } from "./stream-place.ts"

/** Descriptors of this process that are of files below a folder. */
function openBelow(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return [] // of the listing itself
    }
  })
}

test("a stream that is cut off leaves neither files nor descriptors", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-stream-place-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const options = { linux: openLinux(), access: "read" } as const
  await assert.rejects(openStreamIn(Readable.from([Buffer.alloc(100, "x")]), folder, options))
  assert.deepEqual([readdirSync(folder), openBelow(folder)], [[], []])
  const place = await openStreamIn(Readable.from([Buffer.alloc(1024)]), folder, options)
  assert.notDeepEqual([readdirSync(folder), openBelow(folder)], [[], []])
  await place[Symbol.asyncDispose]()
  assert.deepEqual([readdirSync(folder), openBelow(folder)], [[], []])
})
