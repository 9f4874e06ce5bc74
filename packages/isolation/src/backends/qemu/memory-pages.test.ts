import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { closeSync, ftruncateSync, writeSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { loadPages, savePages, usedRuns } from "./memory-pages.ts"

const linux = openLinux()
const PAGE = 4096
const never = new AbortController().signal

interface Trial extends AsyncDisposable {
  readonly path: string
  readonly memory: (pages: number) => number
}

async function openTrial(): Promise<Trial> {
  const folder = await mkdtemp(join(tmpdir(), "skerry-pages-"))
  const open: number[] = []
  return {
    path: join(folder, "memory"),
    memory(pages) {
      const fd = linux.memfdCreate("test")
      open.push(fd)
      ftruncateSync(fd, pages * PAGE)
      return fd
    },
    async [Symbol.asyncDispose]() {
      for (const fd of open) closeSync(fd)
      await rm(folder, { recursive: true })
    },
  }
}

const bytesOf = (fd: number) => readFile(`/proc/self/fd/${fd}`)

const LAYOUTS: Readonly<Record<string, readonly number[]>> = {
  "no page": [],
  "the first page": [0],
  "the last page": [1023],
  "two apart": [3, 700],
  "256 in a row": Array.from({ length: 256 }, (_, page) => page),
  "257 in a row": Array.from({ length: 257 }, (_, page) => page),
  "a row across the border of two chunks": [254, 255, 256, 257],
  "every page": Array.from({ length: 1024 }, (_, page) => page),
}
for (const [what, pages] of Object.entries(LAYOUTS)) {
  test(`a memory comes back as it was, its zeros without being kept: ${what}`, async () => {
    await using trial = await openTrial()
    const memory = trial.memory(1024)
    for (const page of pages) writeSync(memory, Buffer.from([page % 251, 1]), 0, 2, page * PAGE + 77)
    const digest = await savePages(memory, trial.path)
    const file = await readFile(trial.path)
    assert.equal(createHash("sha256").update(file).digest("hex"), digest)
    assert.ok(file.length <= pages.length * (PAGE + 8))
    const again = trial.memory(1024)
    assert.equal(await loadPages(trial.path, again, never), digest)
    assert.ok((await bytesOf(again)).equals(await bytesOf(memory)))
  })
}

test("runs of used pages", () => {
  const bytes = Buffer.alloc(6 * PAGE)
  assert.deepEqual(usedRuns(bytes), [])
  bytes[PAGE] = 1
  bytes[3 * PAGE - 1] = 1
  bytes[5 * PAGE] = 1
  assert.deepEqual(usedRuns(bytes), [
    [1, 2],
    [5, 1],
  ])
})

/** A file of one run; as many bytes of pages as given. */
function run(first: number, count: number, pageBytes: number): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(first, 0)
  header.writeUInt32LE(count, 4)
  return Buffer.concat([header, Buffer.alloc(pageBytes, 1)])
}

const FILES: Readonly<Record<string, readonly [Buffer, boolean]>> = {
  "256 pages at once": [run(0, 256, 256 * PAGE), true],
  "257 pages at once": [run(0, 257, 257 * PAGE), false],
  "no page": [run(0, 0, 0), false],
  "4294967295 pages": [run(0, 0xffffffff, PAGE), false],
  "the last page": [run(1023, 1, PAGE), true],
  "a page behind the last": [run(1024, 1, PAGE), false],
  "a run across the end": [run(1023, 2, 2 * PAGE), false],
  "the farthest page": [run(0xffffffff, 1, PAGE), false],
  "less than it says": [run(0, 2, 2 * PAGE - 1), false],
  "more than it says": [run(0, 2, 2 * PAGE + 1), false],
  "half a header": [Buffer.alloc(7), false],
}
for (const [what, [bytes, isTaken]] of Object.entries(FILES)) {
  test(`a file with ${what} is ${isTaken ? "taken" : "refused"}, and fills nothing outside the memory`, async () => {
    await using trial = await openTrial()
    await writeFile(trial.path, bytes)
    const memory = trial.memory(1024)
    const digest = await loadPages(trial.path, memory, never)
    assert.equal(digest, isTaken ? createHash("sha256").update(bytes).digest("hex") : false)
    assert.equal((await bytesOf(memory)).length, 1024 * PAGE)
  })
}
