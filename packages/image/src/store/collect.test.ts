import assert from "node:assert/strict"
import { test } from "node:test"
import { outdated } from "./collect.ts"

test("the newest stay, and the current one however old it is", () => {
  assert.deepEqual(outdated([1, 2, 3, 4, 5, 6, 7], 7, 5), [1, 2])
  assert.deepEqual(outdated([1, 2, 3, 4, 5, 6, 7], 1, 5), [2])
  assert.deepEqual(outdated([1, 2, 3], 2, 0), [1, 3])
  assert.deepEqual(outdated([1, 2], undefined, 5), [])
})
