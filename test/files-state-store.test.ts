import assert from "node:assert/strict"
import { test } from "node:test"
import { cutStateStore } from "../packages/files/src/store/testing/cut-state.ts"
import { hasStrace } from "../packages/files/src/store/testing/write-stream.ts"

test("a state store that is cut at any of thousands of points opens with all that was promised", (t) => {
  if (!hasStrace()) return t.skip("strace is not installed")
  const { cuts } = cutStateStore(200, 5)
  assert.ok(cuts > 2000, `${cuts} cuts`)
})
