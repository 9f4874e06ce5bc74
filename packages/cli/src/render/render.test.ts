import assert from "node:assert/strict"
import { test } from "node:test"
import { showBytes, showDuration } from "./amount.ts"
import { coloursWhere } from "./colours.ts"
import { table } from "./table.ts"
import { wrap } from "./wrap.ts"

test("amounts of bytes have three digits at most, or a unit more", () => {
  const shown = [0, 999, 1000, 1550, 99_940, 99_960, 999_400, 999_600, 27_000_000, 5e15].map(showBytes)
  assert.deepEqual(shown, [
    "0 B",
    "999 B",
    "1.0 kB",
    "1.6 kB",
    "99.9 kB",
    "100 kB",
    "999 kB",
    "1.0 MB",
    "27.0 MB",
    "5000 TB",
  ])
})

test("durations are seconds, then minutes and hours", () => {
  const shown = [0, 440, 9_940, 9_960, 59_400, 59_600, 185_000, 3_723_000, -5].map(showDuration)
  assert.deepEqual(shown, ["0.0 s", "0.4 s", "9.9 s", "10 s", "59 s", "1:00", "3:05", "1:02:03", "0.0 s"])
})

test("a table is aligned, and shows controls instead of obeying them", () => {
  const rows = [
    { name: "mail", size: 5 },
    { name: "a\u001b[2J", size: 12_000 },
  ]
  const text = table(rows, [
    { title: "NAME", cell: (row) => row.name },
    { title: "SIZE", align: "right", cell: (row) => String(row.size) },
    { title: "NOTE", cell: () => "" },
  ])
  assert.equal(text, "NAME         SIZE  NOTE\nmail            5\na\\u001b[2J  12000\n")
})

test("a table without rows has its titles", () => {
  assert.equal(table([], [{ title: "NAME", cell: () => "" }]), "NAME\n")
})

test("a paragraph is wrapped at words, and a long word stays whole", () => {
  assert.equal(wrap("one two three four five six seven", 24), "one two three four five\nsix seven")
  assert.equal(wrap(`a ${"x".repeat(40)} b`, 24), `a\n${"x".repeat(40)}\nb`)
})

test("colours appear only where they are welcome", () => {
  assert.equal(coloursWhere(true).red("x"), "\u001b[31mx\u001b[0m")
  assert.equal(coloursWhere(false).red("x"), "x")
})
