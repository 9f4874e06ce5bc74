import assert from "node:assert/strict"
import { test } from "node:test"
import { PROMPT_LIMITS } from "@skerry/rpc"
import { fitDetails } from "../question.ts"
import { describeData, SHOWN } from "./description.ts"
import { GIT_LIMITS, parseGitObject } from "./git-object.ts"
import { parseKeys, showKey } from "./keys.ts"

const ID = "0123456789abcdef0123456789abcdef01234567"
const PERSON = "Ada <ada@example.org> 1700000000 +0100"
const commit = (extra = "", message = "Say hello\n") =>
  `tree ${ID}\nauthor ${PERSON}\ncommitter ${PERSON}\n${extra}\n${message}`
const describe = (text: string | Uint8Array, name = "") =>
  new Map(describeData(Buffer.from(text), name).map((detail) => [detail.label, detail.text]))

test("a commit is shown with each of its headers", () => {
  const shown = describe(
    `tree ${ID}\nparent ${ID}\nparent ${ID}\nauthor ${PERSON}\ncommitter ${PERSON}\nencoding x\nmergetag a\n b\n\nM\n`,
  )
  assert.equal(shown.get("Kind"), "Git commit")
  assert.equal(shown.get("Parent"), `${ID}\n${ID}`)
  assert.equal(shown.get("Other headers"), "encoding x\nmergetag a\nb")
  assert.equal(shown.get("Message"), "M")
})

test("what only looks like a commit is shown as the text that it is", () => {
  for (const text of [
    commit("").replace(ID, "zz"),
    commit("").replace("author", "writer"),
    commit(`parent ${ID}\n`),
    commit(`tree ${ID}\n`),
    commit("").replace("+0100", "later"),
    `tree ${ID}\n`,
    `Dear Bob,\n\n${commit("")}`,
    commit("gpgsig\n"),
  ]) {
    assert.equal(parseGitObject(text), undefined, text)
    assert.equal(describe(text).get("Kind"), "Text")
  }
})

test("a commit may have as many headers as the limit says, and no more", () => {
  const spare = GIT_LIMITS.headers - 3
  assert.notEqual(parseGitObject(commit("x y\n".repeat(spare))), undefined)
  assert.equal(parseGitObject(commit("x y\n".repeat(spare + 1))), undefined)
})

test("long texts are cut, and say so", () => {
  const line = "x".repeat(SHOWN.lineCharacters + 5)
  const text = describe(`${`${line}\n`.repeat(SHOWN.lines)}last`)
    .get("Text")
    ?.split("\n")
  assert.equal(text?.length, SHOWN.lines + 1)
  assert.equal(text?.[0], `${"x".repeat(SHOWN.lineCharacters)}… (5 more characters)`)
  assert.equal(text?.at(-1), "… and 1 more lines, not shown")
})

test("bytes that are no text, or hide a control character, are known by their digest alone", () => {
  for (const bytes of [Uint8Array.of(0xff), Buffer.from("a\u001b[2Jb"), Buffer.from("a\0")]) {
    const shown = describe(bytes)
    assert.equal(shown.get("Kind"), "Not text: check its digest")
    assert.equal(shown.get("Text"), undefined)
  }
})

test("a file name that the caller says is one line", () => {
  const shown = describe("x", "report\nSHA-256:\n0000")
  assert.equal(shown.get("File name, as the caller says"), "report\\u000aSHA-256:\\u000a0000")
})

test("a key's user id is one line, so that none shows another key's fingerprint as its own", () => {
  const trusted = "A".repeat(40)
  const listing = `pub:-:255:22:0123456789ABCDEF:::::::sc:\nfpr:::::::::${"B".repeat(40)}:\nuid:-::::::::Ada\\x0a${trusted}\\x0a\\x3aEve:\n`
  const [key] = parseKeys(listing)
  assert.ok(key)
  assert.deepEqual(showKey(key).split("\n"), [`Ada\\u000a${trusted}\\u000a:Eve`, "B".repeat(40)])
})

test("details always fit a question, and the digest is never cut", () => {
  const huge = "ä".repeat(100_000)
  const details = fitDetails([
    { label: "Key", text: huge },
    { label: "l".repeat(100), text: huge },
    { label: "A", text: huge },
    ...describeData(Buffer.from(commit("", "m\n".repeat(100))), huge),
  ])
  assert.ok(details.length <= PROMPT_LIMITS.details)
  let byteCount = 0
  for (const { label, text } of details) {
    assert.ok(Buffer.byteLength(label) <= PROMPT_LIMITS.labelBytes)
    assert.ok(Buffer.byteLength(text) <= PROMPT_LIMITS.detailBytes)
    byteCount += Buffer.byteLength(label) + Buffer.byteLength(text)
  }
  assert.ok(byteCount <= PROMPT_LIMITS.detailsBytes, String(byteCount))
  assert.match(details.at(-1)?.text ?? "", /^[0-9a-f]{64}$/)
})
