import assert from "node:assert/strict"
import { test } from "node:test"
import { printable, printableLines, quoted } from "./printable.ts"

test("controls of a terminal are written out", () => {
  assert.equal(printable("a\u001b[31mb\u0007\u009b2J"), "a\\u001b[31mb\\u0007\\u009b2J")
  assert.equal(printable("one\ntwo"), "one\\u000atwo")
  assert.equal(printableLines("one\ntwo\tthree\r"), "one\ntwo\tthree\\u000d")
})

test("marks that turn the direction of text are written out", () => {
  assert.equal(printable("cod.\u202egpj"), "cod.\\u202egpj")
})

test("ordinary text of any language stays", () => {
  assert.equal(printable("Grüße, 世界 🏝"), "Grüße, 世界 🏝")
})

test("a long text is cut before it is quoted", () => {
  assert.equal(quoted('say "hi"'), '"say \\"hi\\""')
  assert.equal(quoted("x".repeat(70), 4), '"xxxx…"')
  assert.equal(quoted("\u0000\u009b"), '"\\u0000\\u009b"')
})
