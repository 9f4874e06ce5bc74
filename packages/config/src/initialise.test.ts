import assert from "node:assert/strict"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { initialise, writeEditorFiles } from "./initialise.ts"
import { STARTER_CONFIGURATION } from "./starter.ts"
import { temporaryFolder } from "./testing.ts"

test("a folder that does not exist yet is made", () => {
  using directory = temporaryFolder()
  const inside = join(directory.path, "a/b")
  initialise(inside, { force: false })
  assert.deepEqual(readdirSync(inside).sort(), ["skerry.config.ts", "skerry.d.ts", "tsconfig.json"])
})

for (const name of ["skerry.config.ts", "skerry.json"]) {
  test(`an existing ${name} stays as it is`, () => {
    using directory = temporaryFolder()
    writeFileSync(join(directory.path, name), "mine")
    assert.throws(() => initialise(directory.path, { force: false }), { code: "exists" })
    assert.deepEqual(readdirSync(directory.path), [name])
    assert.equal(readFileSync(join(directory.path, name), "utf8"), "mine")
  })
}

test("by force, the old configuration is kept under another name", () => {
  using directory = temporaryFolder()
  writeFileSync(join(directory.path, "skerry.config.ts"), "mine")
  writeFileSync(join(directory.path, "tsconfig.json"), "mine too")
  initialise(directory.path, { force: true })
  const read = (name: string) => readFileSync(join(directory.path, name), "utf8")
  assert.equal(read("skerry.config.ts"), STARTER_CONFIGURATION)
  assert.equal(read("skerry.config.ts.old"), "mine")
  assert.equal(read("tsconfig.json"), "mine too")
})

test("files for editors can be renewed without touching the configuration", () => {
  using directory = temporaryFolder()
  writeFileSync(join(directory.path, "skerry.config.ts"), "mine")
  writeFileSync(join(directory.path, "skerry.d.ts"), "of an older version")
  writeEditorFiles(directory.path)
  assert.equal(readFileSync(join(directory.path, "skerry.config.ts"), "utf8"), "mine")
  assert.match(readFileSync(join(directory.path, "skerry.d.ts"), "utf8"), /declare module "skerry"/)
})

test("a folder that cannot be made is one clear error", () => {
  using directory = temporaryFolder()
  writeFileSync(join(directory.path, "file"), "")
  assert.throws(() => initialise(join(directory.path, "file/inside"), { force: false }), {
    code: "unwritable",
    message: /cannot be written \(ENOTDIR\)/,
  })
})
