import assert from "node:assert/strict"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { findPolicyFiles, POLICY_FILE_LIMITS, PolicyFilesError } from "./directories.ts"

const uid = process.getuid?.() ?? 0

interface Folder extends Disposable {
  readonly path: string
}

function folder(files: Readonly<Record<string, string>>): Folder {
  const path = mkdtempSync(join(tmpdir(), "skerry-policy-"))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, ".."), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

const read = (...folders: readonly { readonly path: string }[]) =>
  Object.fromEntries(
    findPolicyFiles(
      folders.map(({ path }) => path),
      uid,
    ).read(),
  )

test("an earlier directory's file takes the place of its namesakes, at every depth", () => {
  using user = folder({ "30-a.policy": "user", "include/x": "user" })
  using shipped = folder({
    "30-a.policy": "shipped",
    "90-b.policy": "shipped",
    "include/x": "shipped",
    ".c": "no",
  })
  assert.deepEqual(read(user, shipped), {
    "30-a.policy": "user",
    "90-b.policy": "shipped",
    "include/x": "user",
  })
  assert.deepEqual(read({ path: join(user.path, "none") }), {})
})

test("the stamp changes with every file that is added, changed or removed", () => {
  using user = folder({ "30-a.policy": "one" })
  const stamp = () => findPolicyFiles([user.path], uid).stamp
  const seen = [stamp()]
  writeFileSync(join(user.path, "30-a.policy"), "two")
  seen.push(stamp())
  writeFileSync(join(user.path, "40-b.policy"), "")
  seen.push(stamp())
  rmSync(join(user.path, "30-a.policy"))
  seen.push(stamp())
  assert.equal(new Set(seen).size, 4)
  assert.equal(stamp(), seen[3])
})

test("a file that everybody may write decides nothing", () => {
  using user = folder({ "30-a.policy": "" })
  chmodSync(join(user.path, "30-a.policy"), 0o666)
  assert.throws(() => read(user), PolicyFilesError)
})

test("so many files, and no more; so deep, and no deeper", () => {
  const { files, depth } = POLICY_FILE_LIMITS
  using user = folder(Object.fromEntries(Array.from({ length: files }, (_, index) => [`f${index}`, ""])))
  assert.equal(Object.keys(read(user)).length, files)
  writeFileSync(join(user.path, "more"), "")
  assert.throws(() => read(user), /1025 policy files/)
  using deep = folder({ [`${"d/".repeat(depth)}x`]: "" })
  assert.equal(Object.keys(read(deep)).length, 1)
  using deeper = folder({ [`${"d/".repeat(depth + 1)}x`]: "" })
  assert.throws(() => read(deeper), /too deep/)
})

test("a circle of links ends", () => {
  using user = folder({})
  symlinkSync(".", join(user.path, "loop"))
  assert.throws(() => read(user), PolicyFilesError)
})
