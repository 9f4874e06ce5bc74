import assert from "node:assert/strict"
import { test } from "node:test"
import { Journal } from "./journal.ts"

const row = (text: string) => ({ domain: "mail", kind: "console" as const, text })

test("rows come back in order, and a reader goes on where it was", () => {
  const journal = new Journal({ now: () => 5 })
  journal.add(row("a"))
  journal.add(row("b"))
  const first = journal.read(journal.start)
  assert.deepEqual(
    first.rows.map((each) => [each.time, each.text]),
    [
      [5, "a"],
      [5, "b"],
    ],
  )
  journal.add(row("c"))
  assert.deepEqual(
    journal.read(first.next).rows.map((each) => each.text),
    ["c"],
  )
})

test("a flood keeps the latest rows, bounded, and tells a slow reader how many it missed", () => {
  const journal = new Journal({ now: () => 0, maxBytes: 10_000 })
  for (let i = 0; i < 100_000; i++) journal.add(row(`line ${i}`))
  const { rows, lost } = journal.read(0)
  assert.ok(rows.length <= 10_000 / 64)
  assert.ok(rows.length > 50)
  assert.equal(rows.at(-1)?.text, "line 99999")
  assert.equal(lost + rows.length, 100_000)
})

test("one row larger than the bound is kept alone", () => {
  const journal = new Journal({ now: () => 0, maxBytes: 100 })
  journal.add(row("x".repeat(500)))
  journal.add(row("y".repeat(500)))
  assert.deepEqual(
    journal.read(0).rows.map((each) => each.text[0]),
    ["y"],
  )
})

test("a follower wakes at the next row and when it is cancelled", async () => {
  const journal = new Journal({ now: () => 0 })
  const cancel = new AbortController()
  const first = journal.changed(cancel.signal)
  journal.add(row("a"))
  await first
  const second = journal.changed(cancel.signal)
  cancel.abort()
  await second
})
