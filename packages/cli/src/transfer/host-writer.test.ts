import assert from "node:assert/strict"
import { closeSync, lstatSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import type { TreeRecord } from "@skerry/rpc"
import { HOST_WRITER_LIMITS, HostWriter } from "./host-writer.ts"

test("symlinks deep in a tree take no more memory than there is room for, and none is made", () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-host-writer-"))
  try {
    using writer = new HostWriter(openSync(folder, "r"), Buffer.alloc(0), 0o022)
    const above = Array.from({ length: 240 }, () => "d".repeat(255)).join("/")
    const link = (number: number) => {
      const path = Buffer.from(`${above}/${number}`)
      const target = Buffer.from("x".repeat(4095))
      const entryKind = "symlink" as const
      writer.add({ kind: "entry", entryKind, path, mode: 0o777, modifyTime: 0n, size: 0n, target })
      return path.length + target.length
    }
    assert.throws(() => {
      for (let number = 0, bytes = 0; bytes <= HOST_WRITER_LIMITS.waitingBytes; number++)
        bytes += link(number)
    }, /Directories and symlinks whose names are longer than 256 MiB: export parts of it with --path/)
    assert.deepEqual(readdirSync(folder), [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

function folderOf(t: { after(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-host-writer-"))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function writeAll(folder: string, records: readonly TreeRecord[]): void {
  using writer = new HostWriter(openSync(folder, "r"), Buffer.alloc(0), 0o022)
  for (const record of records) writer.add(record)
}

const file = (path: string, size: number | bigint): TreeRecord => ({
  ...{ kind: "entry", entryKind: "file", path: Buffer.from(path), mode: 0o644, modifyTime: 0n },
  ...{ size: BigInt(size), target: Buffer.alloc(0) },
})
const hole = (bytes: number): TreeRecord => ({ kind: "hole", bytes: BigInt(bytes) })
const piece = (text: string): TreeRecord => ({ kind: "piece", content: Buffer.from(text) })

test("holes are holes again, at the end of a file too", (t) => {
  const out = folderOf(t)
  const size = 2 ** 40
  writeAll(out, [
    file("sparse", size + 5),
    hole(size),
    piece("tail"),
    hole(1),
    file("empty", size),
    hole(size),
    file("after", 1),
    piece("x"),
    { kind: "end" },
  ])
  for (const [name, bytes] of [
    ["sparse", size + 5],
    ["empty", size],
  ] as const) {
    const stats = lstatSync(join(out, name))
    assert.equal(stats.size, bytes)
    assert.ok(stats.blocks < 1000, `${stats.blocks} blocks`)
  }
  const tail = Buffer.alloc(6)
  const sparse = openSync(join(out, "sparse"), "r")
  t.after(() => closeSync(sparse))
  assert.equal(readSync(sparse, tail, 0, 6, size - 1), 6)
  assert.equal(tail.toString(), "\0tail\0")
})

test("a file that is longer than a tree can have it is refused, and so is a hole beyond its end", (t) => {
  const long = BigInt(Number.MAX_SAFE_INTEGER) + 1n
  assert.throws(() => writeAll(folderOf(t), [file("f", long)]), /no such files/)
  assert.throws(() => writeAll(folderOf(t), [file("f", 10), hole(11)]), /belongs to no file/)
})
