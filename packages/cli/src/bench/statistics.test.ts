import assert from "node:assert/strict"
import { test } from "node:test"
import { median, summary } from "./statistics.ts"

test("the median is the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([3]), 3)
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 9, 2]), 3)
  assert.throws(() => median([]), /Nothing was measured/)
})

test("values are ordered as numbers, and stay as they were", () => {
  const values = [100, 9, 20]
  assert.deepEqual(summary(values), { median: 20, min: 9, max: 100 })
  assert.deepEqual(values, [100, 9, 20])
})
