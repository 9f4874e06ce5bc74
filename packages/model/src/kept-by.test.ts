import assert from "node:assert/strict"
import { test } from "node:test"
import { keptBy } from "./kept-by.ts"

const NONE = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
const at = (text: string) => Date.parse(`${text}Z`)

test("the newest of each of the newest periods is kept, and says why", () => {
  const times = ["2026-11-19T10:00", "2026-11-20T09:00", "2026-11-20T11:00", "2026-11-21T08:00"].map(at)
  assert.deepEqual(keptBy(times, { ...NONE, daily: 2 }), ["", "", "daily 2026-11-20", "daily 2026-11-21"])
  assert.deepEqual(keptBy(times, { ...NONE, last: 1, hourly: 1 }), [
    "",
    "",
    "",
    "last, hourly 2026-11-21 08:00",
  ])
  assert.deepEqual(keptBy(times.toReversed(), { ...NONE, daily: 1 }), ["daily 2026-11-21", "", "", ""])
})

test("periods without any do not count", () => {
  const times = ["2024-01-01T00:00", "2026-11-21T08:00"].map(at)
  assert.deepEqual(keptBy(times, { ...NONE, yearly: 2 }), ["yearly 2024", "yearly 2026"])
})

test("weeks begin on Monday, and a week of two years belongs to that of its Thursday", () => {
  const week = (text: string) => keptBy([at(text)], { ...NONE, weekly: 1 })[0]
  assert.equal(week("2026-11-22T23:59"), "weekly 2026-W47")
  assert.equal(week("2026-11-23T00:00"), "weekly 2026-W48")
  assert.equal(week("2027-01-03T12:00"), "weekly 2026-W53")
  assert.equal(week("2024-12-30T12:00"), "weekly 2025-W01")
})

test("a rule of nothing keeps nothing", () => {
  assert.deepEqual(keptBy([1, 2], NONE), ["", ""])
})
