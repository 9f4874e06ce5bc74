import assert from "node:assert/strict"
import { test } from "node:test"
import { cutStateStore } from "../../packages/files/src/store/testing/cut-state.ts"
import { hasStrace } from "../../packages/files/src/store/testing/write-stream.ts"

/* Few steps; test/files-state-store.test.ts takes more of them. */
test("wherever the writes of a state store are cut, what was promised is there", (t) => {
  if (!hasStrace()) return t.skip("strace is not installed")
  const { cuts } = cutStateStore(12, 1)
  assert.ok(cuts > 50, `${cuts} cuts`)
})
