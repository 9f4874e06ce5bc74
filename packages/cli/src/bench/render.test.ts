import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { assertGolden } from "../../../../tools/golden.ts"
import { FILE_ROWS } from "./file-rows.ts"
import { isMissed, renderBench } from "./render.ts"
import { judge, type Samples } from "./row.ts"
import { ROWS } from "./rows.ts"

const folder = join(import.meta.dirname, "../../../../testdata/cli/bench")

const host = {
  skerry: "1.2.3",
  cores: 2,
  cpu: "A Processor",
  kernel: "6.1.0",
  node: "24.1.0",
  qemu: "7.2.22",
  acceleration: "tcg",
}

const measured = (values: readonly number[], yardstick: readonly number[] = []): Samples => ({
  kind: "measured",
  values,
  yardstick,
})

const absent = (why: string): Samples => ({ kind: "absent", why })

const MEASURED: ReadonlyMap<string, Samples> = new Map([
  ["node", measured([38, 40, 44])],
  ["version", measured([46, 48, 51], [39, 40, 40])],
  ["run", measured([230, 236, 241], [38, 40, 41])],
  ["run-standby", measured([150, 152, 171], [38, 40, 41])],
  ["start", measured([120, 130, 190], [40, 40, 40])],
  ["cold-boot", measured([3600, 3900, 5200], [40, 40, 40])],
  ["idle-memory", measured([44_000_000])],
  ["idle-alone", measured([73_100_000, 74_000_000, 74_100_000])],
  ["single-start", measured([180, 200, 210], [40, 40, 40])],
  ["many-start", measured([12_000])],
  ["many-memory", measured([2_900_000_000])],
  ["pipe", { kind: "failed", why: 'bash -c … failed (status 125): no\u001b[31m "light"' }],
  ["policy-decide", measured([19, 21, 40])],
  ["policy-ask", measured([14, 15, 16])],
  ["policy-parse", measured([0.4, 0.5, 2.4])],
  ["call-socket", measured([0.31], [1.3])],
  ["call-executable", measured([2.1], [1.3])],
  ["call-refused", measured([0.173], [1.3])],
  ["calls-at-once", measured([0])],
  ["call-up", measured([850], [900])],
  ["call-down", measured([950], [900])],
  ["call-disposable", measured([310, 320, 330])],
  ["backup-full", measured([2400])],
  ["backup-change", measured([410])],
  ...FILE_ROWS.map(({ name }) => [name, absent("diod is not installed")] as const),
  ["dir-write", measured([900], [800])],
  ["dir-memory", measured([104_000_000])],
  ["bwrap", measured([8.1, 8.2, 9.9], [40, 40, 40])],
  ["firejail", absent("it is not installed: apt-get install firejail")],
  ["podman", absent("it is not installed: apt-get install podman")],
])

test("the table of a whole run", () => {
  const rows = judge(ROWS, MEASURED)
  assertGolden(join(folder, "table.txt"), renderBench({ host, rows }))
})

test("without rows that need domains, nothing is said of them", () => {
  const rows = judge(
    ROWS.filter(({ name }) => name === "node" || name === "version"),
    MEASURED,
  )
  const alone = { ...host, acceleration: undefined, qemu: undefined, cores: 1 }
  assertGolden(join(folder, "without-domains.txt"), renderBench({ host: alone, rows }))
})

test("a row misses its bars, or fails; one that cannot be here does neither", () => {
  const missed = judge(ROWS, MEASURED).filter(isMissed)
  assert.deepEqual(
    missed.map(({ name }) => name),
    ["run-standby", "pipe", "call-down"],
  )
})

test("every row has a name of its own, and refers to rows that there are", () => {
  const names = ROWS.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const { bars } of ROWS) {
    for (const { times } of bars) if (typeof times === "object") assert.ok(names.includes(times.row))
  }
})
