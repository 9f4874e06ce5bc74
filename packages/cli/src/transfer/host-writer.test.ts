import assert from "node:assert/strict"
import { mkdtempSync, openSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
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
