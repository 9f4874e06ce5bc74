import assert from "node:assert/strict"
import { existsSync } from "node:fs"
import { test } from "node:test"
import { configProgram } from "./program.ts"

test("sources are found in this package, whoever asks", () => {
  const { evaluator, entry } = configProgram("file:///somewhere/main.ts")
  assert.ok(existsSync(evaluator) && existsSync(entry))
})

test("a bundled program has its files beside itself", () => {
  assert.deepEqual(configProgram("file:///usr/lib/skerry/skerry.js"), {
    evaluator: "/usr/lib/skerry/config-evaluator.js",
    entry: "/usr/lib/skerry/config-entry.js",
  })
})
