import assert from "node:assert/strict"
import { test } from "node:test"
import { STATE_LIMITS } from "@skerry/rpc"
import { parsePath, pathOfBytes, shownPath } from "./shown-path.ts"

for (const [bytes, shown] of [
  [Buffer.from("Documents/tax 2026.ods"), "Documents/tax 2026.ods"],
  [Buffer.from(""), "/"],
  [Buffer.from("caf\u00e9"), "caf\u00e9"],
  [Buffer.from("a\nb"), '"a\\nb"'],
  [Buffer.from("a\u001b[2Jb"), '"a\\u001b[2Jb"'],
  [Buffer.from("a\u202eb"), '"a\\u202eb"'],
  [Buffer.from(" a"), '" a"'],
  [Buffer.from('a"b'), '"a\\"b"'],
  [Buffer.from("a\\nb"), '"a\\\\nb"'],
  [Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0x0a]), '"a\\xff\u00e9\\n"'],
  [Buffer.from([0xed, 0xa0, 0x80]), '"\\xed\\xa0\\x80"'],
] as const) {
  test(`${bytes.toString("hex") || "nothing"} is shown as ${JSON.stringify(shown)}`, () => {
    assert.equal(shownPath(pathOfBytes(bytes)), shown)
  })
}

test("a path may be typed with slashes around it, and as base64 where it is no text", () => {
  const typed = (word: string, isBase64 = false) => Buffer.from(parsePath(word, isBase64)).toString("latin1")
  assert.equal(typed("/a//b/./c/"), "a/b/c")
  assert.equal(typed("/"), "")
  assert.equal(typed(Buffer.from([0x61, 0xff, 0x2f, 0x62]).toString("base64"), true), "a\xff/b")
  for (const word of ["..", "a/../b", "/.."]) assert.throws(() => parsePath(word, false), /"\.\."/)
  assert.throws(() => parsePath("a b", true), /is no base64/)
  assert.throws(() => parsePath("a\0b", false), /no NUL/)
})

test("a path as long as the limit is taken, and one byte more is refused", () => {
  assert.equal(parsePath("a".repeat(STATE_LIMITS.pathBytes), false).length, STATE_LIMITS.pathBytes)
  assert.throws(() => parsePath("a".repeat(STATE_LIMITS.pathBytes + 1), false), /at most/)
})
