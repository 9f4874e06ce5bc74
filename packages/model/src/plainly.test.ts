import assert from "node:assert/strict"
import { test } from "node:test"
import { plainLines, plainly } from "./plainly.ts"
import { printable } from "./printable.ts"

test("text of one language stays as it is", () => {
  for (const text of [
    "Sign a commit: “Grüße aus Köln” – naïve, 3 €",
    "Привет, мир: письмо от Анны",
    "Καλημέρα κόσμε",
    "日本語のテキスト、カタカナ。漢字",
    "שלום עולם",
    "héllo wörld ñandú",
    "file_name-2.tar.gz",
  ]) {
    assert.equal(plainly(text), text)
  }
})

test("a word of two alphabets has its foreign letters written out", () => {
  assert.equal(plainly("p\u0430ypal"), "p\\u0430ypal")
  assert.equal(plainly("Αpple and Привет"), "\\u0391pple and Привет")
})

test("a word of another alphabet that looks Latin is written out", () => {
  assert.equal(plainly("\u0440\u0430\u0443"), "\\u0440\\u0430\\u0443")
})

test("other shapes of letters, and of the marks in a path, are written out", () => {
  assert.equal(plainly("ｍail"), "\\uff4dail")
  assert.equal(plainly("𝐛ank"), "\\u{1d41b}ank")
  assert.equal(plainly("a∕b"), "a\\u2215b")
  assert.equal(plainly("│ Allow"), "\\u2502 Allow")
})

test("nothing that has no width, or that a terminal obeys, is left", () => {
  for (const text of [
    "zero\u200bwidth\u200d\u2060\ufeff",
    "soft\u00adhyphen\u034f",
    "\u3164filler\u2800",
    "tag\u{e0041}",
    "variation\ufe0f",
    "no-break\u00a0\u2003space",
    "\u202ecod\u2066",
    "\u001b]0;title\u0007",
    "line\u2028end\u0085",
    "\ue000private\u0378unassigned",
  ]) {
    assert.match(plainly(text), /^[ -~]+$/)
    assert.match(printable(text), /^[ -~]+$/)
  }
})

test("marks are not stacked higher than writing needs", () => {
  assert.equal(printable(`a${"\u0301".repeat(40)}`), `a${"\u0301".repeat(4)}${"\\u0301".repeat(36)}`)
})

test("whatever the text is, what is shown has no character that could mislead, and is one line", () => {
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return Math.floor((seed / 0x8000_0000) * below)
  }
  const unsafe = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2500-\u259f]|(?! )\p{Zs}/u
  for (let round = 0; round < 5000; round++) {
    const points = Array.from({ length: 1 + random(20) }, () => {
      const range = [0x80, 0x600, 0x3000, 0x11_0000][random(4)] ?? 0x80
      return String.fromCodePoint(random(range))
    })
    const text = points.join("")
    assert.doesNotMatch(plainly(text), unsafe)
    assert.ok(plainly(text).isWellFormed())
    assert.equal(plainly(plainly(text)), plainly(text))
  }
})

test("lines stay lines, tabs become spaces, a carriage return alone is written out", () => {
  assert.deepEqual(plainLines("a\tb\r\nc\rd\n"), ["a    b", "c\\u000dd", ""])
})
