import assert from "node:assert/strict"
import { test } from "node:test"
import { JsonSyntaxError, parseJson } from "./json-text.ts"
import { CONFIG_LIMITS } from "./limits.ts"

const GOOD = [
  "{}",
  " [ ] ",
  "0",
  "-0.5e+3",
  '"a\\u00e9\\n"',
  "null",
  '{"a":[1,{"b":true}],"c":""}',
  "\r\n\t1\n",
]
const BAD = [
  "",
  "{",
  "[1,]",
  '{"a":1,}',
  "{a:1}",
  "01",
  "1.",
  "+1",
  "'a'",
  '"\t"',
  '"\\x"',
  "nul",
  "1 2",
  "{}{}",
  "\ufeff{}",
  "\u00a01",
  '{"a" 1}',
  "[1 2]",
  "NaN",
  '"a',
]

test("what JSON.parse takes is taken, with the same result", () => {
  for (const text of GOOD) assert.deepEqual(parseJson(text), JSON.parse(text))
})

test("what JSON.parse refuses is refused, with a place", () => {
  for (const text of BAD) {
    assert.throws(() => JSON.parse(text), SyntaxError, text)
    assert.throws(() => parseJson(text), JsonSyntaxError, text)
  }
})

test("every piece of a good text is refused", () => {
  const text = '{"a": [1, "b", {"c": null}]}'
  for (let end = 0; end < text.length; end++)
    assert.throws(() => parseJson(text.slice(0, end)), JsonSyntaxError)
})

test("line and column count from 1", () => {
  assert.throws(() => parseJson('{\n  "a": 1,\n  "b" 2\n}'), { line: 3, column: 7 })
})

test("a key that stands twice is refused, however it is written", () => {
  assert.throws(() => parseJson('{"a": 1, "\\u0061": 2}'), /stands twice/)
  assert.deepEqual(parseJson('{"a": {"a": 1}, "b": {"a": 1}}'), { a: { a: 1 }, b: { a: 1 } })
})

test("nesting stands at its limit and not over it", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
  parseJson(nested(CONFIG_LIMITS.depth + 1))
  assert.throws(() => parseJson(nested(CONFIG_LIMITS.depth + 2)), /nest deeper/)
  assert.throws(() => parseJson("[".repeat(1_000_000)), /nest deeper/)
})
