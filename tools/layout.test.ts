import assert from "node:assert/strict"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ROOT, sourceFiles } from "./source-files.ts"

const MOST_LINES = 300

test("no file has grown beyond what one idea takes", () => {
  const long = sourceFiles()
    .filter(({ text }) => text.split("\n").length - 1 > MOST_LINES)
    .map(({ path }) => path)
  assert.deepEqual(long, [], `at most ${MOST_LINES} lines; look for the second idea in it`)
})

test("each folder says what it is, and whom it trusts", () => {
  const packages = globSync("packages/*/package.json", { cwd: ROOT }).map((path) => join(path, ".."))
  for (const folder of [...packages, "fuzz", "test", "tools"]) {
    const path = join(ROOT, folder, "README.md")
    assert.ok(existsSync(path), `${folder}/README.md is missing`)
    const text = readFileSync(path, "utf8")
    assert.match(text, /\b(?:un)?trust(?:s|ed)?\b/, `${folder}/README.md does not say whom it trusts`)
    assert.ok(text.split("\n").length < 60, `${folder}/README.md is more than a few sentences`)
  }
})
