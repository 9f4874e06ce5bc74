import assert from "node:assert/strict"
import { test } from "node:test"
import { parseProcessStat, readProcesses, readProcessStat } from "./process-tree.ts"

/** Fields 4 to 22, each with its number as its value. */
const FIELDS = Array.from({ length: 19 }, (_, index) => index + 4).join(" ")

test("a process may have any name", () => {
  const expected = { pid: 12, parent: 4, startTicks: 22 }
  assert.deepEqual(parseProcessStat(`12 (a) R 1 (b) S ${FIELDS}`), {
    ...expected,
    state: "S",
    name: "a) R 1 (b",
  })
  assert.deepEqual(parseProcessStat(`12 (a\nb) Z ${FIELDS}`), { ...expected, state: "Z", name: "a\nb" })
})

test("text that is no stat line is none", () => {
  for (const text of ["", "12 (a) R x ", `12 a S ${FIELDS}`]) assert.equal(parseProcessStat(text), undefined)
})

test("this process is among those that run", async () => {
  const own = await readProcessStat(process.pid)
  assert.equal(own?.parent, process.ppid)
  assert.ok(
    (await readProcesses()).some(
      ({ pid, startTicks }) => pid === process.pid && startTicks === own?.startTicks,
    ),
  )
})
