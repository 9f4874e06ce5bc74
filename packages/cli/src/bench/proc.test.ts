import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { parsePss, parseStat } from "./proc.ts"

test("a program's name may hold parentheses and spaces", () => {
  const text = "42 (a) b ( c) S 7 42 42 0 -1 4194304 100 0 0 0 30 12 5 5 20 0 1 0 1000 0 0\n"
  assert.deepEqual(parseStat(text), { parent: 7, ticks: 42 })
})

test("this process is its parent's child, and has memory", () => {
  assert.equal(parseStat(readFileSync("/proc/self/stat", "utf8")).parent, process.ppid)
  assert.ok(parsePss(readFileSync("/proc/self/smaps_rollup", "utf8")) > 1_000_000)
})

test("a host that does not say is not taken for one without memory", () => {
  assert.throws(() => parsePss("Rss: 12 kB\n"), /does not say/)
})
