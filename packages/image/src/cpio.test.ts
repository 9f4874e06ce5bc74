import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { test } from "node:test"
import { writeCpio } from "./cpio.ts"

test("the archive lists in cpio as it was written", () => {
  const archive = writeCpio([
    { kind: "directory", path: "bin" },
    { kind: "file", path: "bin/a", bytes: Buffer.from("hello"), executable: true },
    { kind: "symlink", path: "bin/b", target: "a" },
  ])
  const listed = execFileSync("cpio", ["-itv", "--quiet", "--numeric-uid-gid"], { input: archive }).toString()
  const lines = listed
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/\s+/g, " "))
  assert.deepEqual(
    lines.map((line) => line.replace(/[A-Z][a-z]{2} .*? (?=bin)/, "")),
    ["drwxr-xr-x 2 0 0 0 bin", "-rwxr-xr-x 1 0 0 5 bin/a", "lrwxrwxrwx 1 0 0 1 bin/b -> a"],
  )
})

test("equal entries give equal bytes, a multiple of four long", () => {
  const entries = [{ kind: "file", path: "abc", bytes: Buffer.from("x"), executable: false }] as const
  assert.deepEqual(writeCpio(entries), writeCpio(entries))
  assert.equal(writeCpio(entries).length % 4, 0)
})
