import assert from "node:assert/strict"
import { test } from "node:test"
import { chosenRows, judge, type Row, type Samples } from "./row.ts"

const row = (name: string, over: Partial<Row> = {}): Row => ({
  name,
  what: name,
  unit: "ms",
  bars: [],
  sample: () => 0,
  ...over,
})

const measured = (values: readonly number[], yardstick: readonly number[] = []): Samples => ({
  kind: "measured",
  values,
  yardstick,
})

const yardstick = { name: "node", sample: () => 0 }

test("a bar counts in the row's own yardstick, not in anybody else's", () => {
  const rows = [row("node"), row("run", { yardstick, bars: [{ says: "6", atMost: 6, times: "yardstick" }] })]
  const samples = new Map([
    ["node", measured([100])],
    ["run", measured([240, 250, 260], [40, 41, 50])],
  ])
  const [, judged] = judge(rows, samples)
  assert.equal(judged?.yardstick?.ratio, 250 / 41)
  assert.deepEqual(judged?.bars, [{ says: "6", atMost: 6, found: 250 / 41, isReached: false }])
})

test("a bar is reached at the limit", () => {
  const rows = [row("run", { yardstick, bars: [{ says: "6", atMost: 6, times: "yardstick" }] })]
  const [judged] = judge(rows, new Map([["run", measured([240], [40])]]))
  assert.equal(judged?.bars[0]?.isReached, true)
})

test("a bar can count in another row, and in many of it", () => {
  const many = row("many", { bars: [{ says: "", atMost: 1.5, times: { row: "single", count: 60 } }] })
  const samples = new Map([
    ["many", measured([9000])],
    ["single", measured([200])],
  ])
  const [judged] = judge([many], samples)
  assert.deepEqual(judged?.bars, [{ says: "", atMost: 1.5, found: 0.75, isReached: true }])
})

test("a bar whose reference is missing is not reached", () => {
  const rows = [row("run", { bars: [{ says: "", atMost: 1, times: { row: "cold-boot" } }] })]
  for (const boot of [undefined, { kind: "failed", why: "" } as const]) {
    const samples = new Map<string, Samples>([["run", measured([1])]])
    if (boot !== undefined) samples.set("cold-boot", boot)
    assert.deepEqual(judge(rows, samples)[0]?.bars, [
      { says: "", atMost: 1, found: undefined, isReached: false },
    ])
  }
})

test("a row that failed reaches nothing", () => {
  const rows = [row("run", { bars: [{ says: "", atMost: 1 }] })]
  const [judged] = judge(rows, new Map([["run", { kind: "failed", why: "no" } as const]]))
  assert.equal(judged?.value, undefined)
  assert.equal(judged?.bars[0]?.isReached, false)
})

test("rows that a chosen row's bars refer to are measured too, in the table's order", () => {
  const rows = [
    row("start", { bars: [{ says: "", atMost: 1, times: { row: "boot" } }] }),
    row("other"),
    row("boot"),
  ]
  assert.deepEqual(
    chosenRows(rows, new Set(["start"])).map(({ name }) => name),
    ["start", "boot"],
  )
})
