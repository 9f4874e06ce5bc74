import assert from "node:assert/strict"
import { test } from "node:test"
import { cutObjectStore } from "../../packages/files/src/store/testing/cut-objects.ts"
import { hasStrace } from "../../packages/files/src/store/testing/write-stream.ts"

/* Few steps; test/files-object-store.test.ts takes more of them. */
test("wherever the writes of a small store are cut, what it promised is there", (t) => {
  if (!hasStrace()) return t.skip("strace is not installed")
  const { cuts, opened } = cutObjectStore(6, 1)
  assert.ok(cuts > 80 && opened > 30, `${cuts} cuts, ${opened} opened`)
})
