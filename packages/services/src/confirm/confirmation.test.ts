import assert from "node:assert/strict"
import { test } from "node:test"
import { PROMPT_LIMITS } from "@skerry/rpc"
import type { KeeperQuestion } from "../question.ts"
import { CONFIRM_LIMITS, decodeConfirmation, encodeConfirmation } from "./confirmation.ts"

const question: KeeperQuestion = {
  operation: "sign",
  title: "Sign as Ada",
  details: [{ label: "Text", text: "hello" }],
  rememberable: true,
}

const problemOf = (untrustedText: string) => {
  const found = decodeConfirmation(untrustedText)
  return "problem" in found ? found.problem : undefined
}

test("a question comes through as it was", () => {
  assert.deepEqual(decodeConfirmation(encodeConfirmation(question)), question)
})

for (const [field, max] of [
  ["operation", PROMPT_LIMITS.operationBytes],
  ["title", PROMPT_LIMITS.titleBytes],
] as const) {
  test(`${field} takes ${max} bytes and no more`, () => {
    const of = (bytes: number) => encodeConfirmation({ ...question, [field]: "x".repeat(bytes) })
    assert.equal(problemOf(of(max)), undefined)
    assert.match(problemOf(of(max + 1)) ?? "", new RegExp(`"${field}" is no text of at most ${max} bytes`))
  })
}

test("details are bounded in number, each, and together", () => {
  const of = (count: number, labelBytes: number, textBytes: number) =>
    encodeConfirmation({
      ...question,
      details: Array.from({ length: count }, () => ({
        label: "l".repeat(labelBytes),
        text: "t".repeat(textBytes),
      })),
    })
  const { details, labelBytes, detailBytes, detailsBytes } = PROMPT_LIMITS
  assert.equal(problemOf(of(details, 1, 1)), undefined)
  assert.match(problemOf(of(details + 1, 1, 1)) ?? "", /"details"/)
  assert.equal(problemOf(of(1, labelBytes, detailBytes)), undefined)
  assert.match(problemOf(of(1, labelBytes + 1, 1)) ?? "", /"label"/)
  assert.match(problemOf(of(1, 1, detailBytes + 1)) ?? "", /"text"/)
  const each = detailsBytes / 4
  assert.equal(problemOf(of(4, 1, each - 1)), undefined)
  assert.match(problemOf(of(4, 1, each)) ?? "", /the details take/)
})

test("a request takes so many bytes and no more, whatever they are", () => {
  const { requestBytes } = CONFIRM_LIMITS
  assert.match(problemOf(`"${"x".repeat(requestBytes - 2)}"`) ?? "", /no object/)
  assert.match(problemOf(`"${"x".repeat(requestBytes - 1)}"`) ?? "", /more than/)
})

for (const [what, text] of [
  ["no JSON", "{"],
  ["no object", "[]"],
  ["null", "null"],
  ["a field too many", JSON.stringify({ ...question, source: "work" })],
  ["a field too few", JSON.stringify({ ...question, title: undefined })],
  ["a number for a text", JSON.stringify({ ...question, title: 1 })],
  ["a text for a truth", JSON.stringify({ ...question, rememberable: "yes" })],
  ["a prototype for a field", `{"__proto__":{"title":"x"},"operation":"","details":[],"rememberable":true}`],
] as const) {
  test(`${what} is a problem, and no exception`, () => {
    assert.ok(problemOf(text))
  })
}
