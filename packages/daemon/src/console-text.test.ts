import assert from "node:assert/strict"
import { test } from "node:test"
import { ConsoleLines, escapeUntrusted } from "./console-text.ts"
import { DAEMON_LIMITS } from "./limits.ts"

function linesOf(...pieces: string[]): string[] {
  const lines: string[] = []
  const console = new ConsoleLines((line) => lines.push(line))
  for (const piece of pieces) console.push(piece)
  console.end()
  return lines
}

test("nothing that a guest prints reaches a terminal as a control", () => {
  assert.equal(
    escapeUntrusted("\u001b]0;root\u0007 a\u202eb \\x", 100),
    "\\u001b]0;root\\u0007 a\\u202eb \\x",
  )
})

test("lines come out the same whole and byte by byte", () => {
  const text = "[    0.0] Linux\r\n\nsecond\nwithout end"
  const expected = ["[    0.0] Linux", "second", "without end"]
  assert.deepEqual(linesOf(text), expected)
  assert.deepEqual(linesOf(...text), expected)
})

test("a line without end is cut, and what follows it is not lost", () => {
  const long = "x".repeat(DAEMON_LIMITS.consoleLineCharacters * 3)
  const lines = linesOf(long, long, "\nnext\n")
  assert.equal(lines.length, 2)
  assert.equal(lines[0], `${"x".repeat(DAEMON_LIMITS.consoleLineCharacters)}…`)
  assert.equal(lines[1], "next")
})
