import assert from "node:assert/strict"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, test } from "node:test"
import { walk } from "./walk.ts"

/* A tree that somebody else changes while it is walked, such as a directory that a domain may write to. */

let folder: string
const at = (path: string) => join(folder, path)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skerry-walk-"))
  mkdirSync(at("tree/inner"), { recursive: true })
  writeFileSync(at("tree/inner/key"), "shared")
  mkdirSync(at("private"))
  writeFileSync(at("private/key"), "secret")
})
afterEach(() => rmSync(folder, { recursive: true }))

/** What arrives, if `change` happens when the entry of this name is told. */
function walkAndChange(name: string, change: () => void): string[] {
  const contents: string[] = []
  for (const { kind, hostPath, sentName } of walk(at("tree"), false)) {
    if (sentName.toString() === name) change()
    if (kind === "file") contents.push(readFileSync(hostPath, "utf8"))
  }
  return contents
}

const replace = (path: string) => {
  renameSync(at(path), at("moved"))
  symlinkSync(at("private"), at(path))
}

test("a directory that becomes a symlink is not followed out of the tree", () => {
  assert.throws(() => walkAndChange("tree/inner", () => replace("tree/inner")), { code: "read-failed" })
})

test("a directory that was gone into is the same one until it is left", () => {
  assert.deepEqual(
    walkAndChange("tree/inner/key", () => replace("tree/inner")),
    ["shared"],
  )
})

test("a tree that is deep or abandoned leaves no directory open", () => {
  mkdirSync(at(`tree/${"d/".repeat(200)}`), { recursive: true })
  const openCount = () => readdirSync("/proc/self/fd").length
  const before = openCount()
  for (const _ of walk(at("tree"), false));
  assert.equal(openCount(), before)
  for (const { sentName } of walk(at("tree"), false)) if (sentName.length > 50) break
  assert.equal(openCount(), before)
})
