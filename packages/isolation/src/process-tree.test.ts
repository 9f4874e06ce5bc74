import assert from "node:assert/strict"
import { test } from "node:test"
import { parseProcessStat } from "./process-tree.ts"

test("a process may have any name", () => {
  assert.deepEqual(parseProcessStat("12 (a) R 1 (b) S 7 12 12 0"), {
    pid: 12,
    parent: 7,
    state: "S",
    name: "a) R 1 (b",
  })
  assert.deepEqual(parseProcessStat("3 (a\nb) Z 2 1"), { pid: 3, parent: 2, state: "Z", name: "a\nb" })
})

test("text that is no stat line is none", () => {
  assert.equal(parseProcessStat(""), undefined)
  assert.equal(parseProcessStat("12 (a) R x "), undefined)
})
