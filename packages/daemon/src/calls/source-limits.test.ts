import assert from "node:assert/strict"
import { test } from "node:test"
import { SourceUse } from "./source-limits.ts"

const limits = { atOnce: 3, perSecond: 10, burst: 5 }

test("as many calls as allowed are open at once, and one more when one has ended", () => {
  const use = new SourceUse(
    () => limits,
    () => 0,
  )
  for (let call = 0; call < limits.atOnce; call++) assert.equal(use.take(), undefined)
  assert.match(use.take() ?? "", /^3 calls are open/)
  use.release()
  assert.equal(use.take(), undefined)
  assert.equal(use.open, 3)
})

test("a burst is let through, then as many as time allows", () => {
  let now = 0
  const use = new SourceUse(
    () => limits,
    () => now,
  )
  const call = () => {
    const refusal = use.take()
    if (refusal === undefined) use.release()
    return refusal === undefined
  }
  const granted = () => Array.from({ length: 100 }, call).filter(Boolean).length
  assert.equal(granted(), 5)
  now += 100
  assert.equal(granted(), 1)
  now += 99
  assert.equal(granted(), 0)
  now += 1
  assert.equal(granted(), 1)
  now += 3_600_000
  assert.equal(granted(), 5)
})
