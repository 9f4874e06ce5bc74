import assert from "node:assert/strict"
import { test } from "node:test"
import { keptVersions } from "./keep-rule.ts"

const NONE = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
const at = (...times: readonly string[]) =>
  times.map((time, index) => ({ version: index + 1, time: Date.parse(`${time}Z`) }))

function kept(rule: Partial<typeof NONE>, ...times: readonly string[]): Record<number, string> {
  const entries = [...keptVersions(at(...times), { ...NONE, ...rule })]
  return Object.fromEntries(
    entries.filter(([, why]) => why.length > 0).map(([version, why]) => [version, why.join(", ")]),
  )
}

test("a rule without numbers keeps nothing", () => {
  assert.deepEqual(kept({}, "2026-01-01T10:00", "2026-01-02T10:00"), {})
})

test("the last are kept, and no more than there are", () => {
  assert.deepEqual(kept({ last: 2 }, "2026-01-01T10:00", "2026-01-01T11:00", "2026-01-01T12:00"), {
    2: "last",
    3: "last",
  })
  assert.deepEqual(kept({ last: 5 }, "2026-01-01T10:00"), { 1: "last" })
})

test("of each period the newest is kept, of the newest periods that have any", () => {
  const times = ["2026-01-01T10:00", "2026-01-01T23:59", "2026-01-05T00:00", "2026-01-05T08:00"]
  assert.deepEqual(kept({ daily: 2 }, ...times), { 2: "daily 2026-01-01", 4: "daily 2026-01-05" })
  assert.deepEqual(kept({ hourly: 2 }, ...times), { 3: "hourly 2026-01-05 00h", 4: "hourly 2026-01-05 08h" })
})

test("a week begins on Monday, and belongs to the year of its Thursday", () => {
  assert.deepEqual(
    kept({ weekly: 9 }, "2024-12-29T12:00", "2024-12-30T00:00", "2026-01-01T00:00", "2027-01-03T00:00"),
    {
      1: "weekly 2024-W52",
      2: "weekly 2025-W01",
      3: "weekly 2026-W01",
      4: "weekly 2026-W53",
    },
  )
})

test("one version may be kept for several reasons", () => {
  assert.deepEqual(kept({ last: 1, monthly: 1, yearly: 1 }, "2025-03-01T00:00", "2026-03-01T00:00"), {
    2: "last, monthly 2026-03, yearly 2026",
  })
})

test("where clocks went back, the time counts, and for equal times the number", () => {
  assert.deepEqual(kept({ last: 1 }, "2026-01-02T10:00", "2026-01-01T10:00"), { 1: "last" })
  assert.deepEqual(kept({ last: 1 }, "2026-01-01T10:00", "2026-01-01T10:00"), { 2: "last" })
})
