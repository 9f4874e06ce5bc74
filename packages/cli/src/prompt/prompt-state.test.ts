import assert from "node:assert/strict"
import { test } from "node:test"
import { PROMPT_LIMITS } from "@skerry/rpc"
import { SHOWN_MS } from "./prompt-state.ts"
import { callQuestion, confirmQuestion, TestPrompt } from "./testing.ts"

const UP = "\u001b[A"
const DOWN = "\u001b[B"
const RIGHT = "\u001b[C"
const LEFT = "\u001b[D"
const FOCUS_IN = "\u001b[I"
const FOCUS_OUT = "\u001b[O"

test("a target is chosen, a second passes, y allows it once", () => {
  const prompt = new TestPrompt()
  prompt.ask(7)
  assert.deepEqual(prompt.sent, [{ kind: "focused", id: 7 }])
  prompt.now = SHOWN_MS
  prompt.type("y")
  assert.deepEqual(prompt.answers, [], "nothing is chosen, least of all what the caller wished")
  prompt.type("2y")
  assert.deepEqual(prompt.answers, ["7 allow vault once"])
})

test("what the caller wished is never chosen beforehand, the policy's default is", () => {
  const prompt = new TestPrompt()
  prompt.ask(1, callQuestion({ requestedTarget: "vault" }))
  prompt.now = SHOWN_MS
  prompt.type("y")
  assert.deepEqual(prompt.answers, [])
  const other = new TestPrompt()
  other.ask(1, callQuestion({ requestedTarget: "vault", defaultTarget: "work" }))
  other.now = SHOWN_MS
  other.type("y")
  assert.deepEqual(other.answers, ["1 allow work once"])
})

test("y does not count before the question was shown for a second, and that is longer than the daemon insists on", () => {
  assert.ok(SHOWN_MS > PROMPT_LIMITS.focusMs)
  const prompt = new TestPrompt()
  prompt.ask(1)
  prompt.now = SHOWN_MS - 1
  prompt.type("1y")
  assert.deepEqual(prompt.answers, [])
  prompt.now = SHOWN_MS
  prompt.type("y")
  assert.deepEqual(prompt.answers, ["1 allow work once"])
})

test("n refuses at once, and N for ever", () => {
  const prompt = new TestPrompt()
  prompt.ask(1)
  prompt.type("n")
  prompt.type("N")
  prompt.type("\tn")
  assert.deepEqual(prompt.answers, ["1 deny once", "1 deny never", "1 deny domain"])
})

test("where the next question takes the place of one that is over, the second begins again", () => {
  const prompt = new TestPrompt()
  prompt.ask(1, callQuestion({ defaultTarget: "work" }))
  prompt.ask(2, callQuestion({ source: "bank", defaultTarget: "vault" }))
  prompt.now = 5000
  prompt.down({ kind: "vanish", id: 1, why: "the caller gave up" })
  prompt.type("y")
  assert.deepEqual(prompt.answers, [])
  prompt.now = 5000 + SHOWN_MS
  prompt.type("y")
  assert.deepEqual(prompt.answers, ["2 allow vault once"])
  assert.deepEqual(prompt.sent.slice(0, 2), [
    { kind: "focused", id: 1 },
    { kind: "focused", id: 2 },
  ])
})

test("a question that comes never takes the place of the one that is read, wherever it stands in line", () => {
  const prompt = new TestPrompt()
  prompt.ask(1)
  prompt.ask(2, callQuestion({ source: "bank" }), 0)
  assert.equal(prompt.state.current, 1)
  assert.deepEqual(
    prompt.state.asked.map(({ id }) => id),
    [2, 1],
  )
})

test("a window without the keyboard allows nothing, and begins the second again when it gets it", () => {
  const prompt = new TestPrompt()
  prompt.type(FOCUS_OUT)
  prompt.ask(1, callQuestion({ defaultTarget: "work" }))
  prompt.now = 5000
  prompt.type("y")
  prompt.type(FOCUS_IN)
  prompt.type("y")
  assert.deepEqual(prompt.answers, [])
  prompt.now = 5000 + SHOWN_MS
  prompt.type("y")
  assert.deepEqual(prompt.answers, ["1 allow work once"])
  prompt.type(FOCUS_OUT)
  assert.deepEqual(
    prompt.sent.map(({ kind }) => kind),
    ["unfocused", "focused", "answer", "unfocused"],
  )
})

test("arrows go through the targets, and to other questions; each keeps what was chosen", () => {
  const prompt = new TestPrompt()
  prompt.ask(1)
  prompt.ask(2)
  const choices = () => prompt.state.asked.map(({ choice }) => choice)
  prompt.type(DOWN + DOWN + DOWN + DOWN)
  assert.deepEqual(choices(), [2, undefined])
  prompt.type(RIGHT + UP)
  assert.equal(prompt.state.current, 2)
  assert.deepEqual(choices(), [2, 2])
  prompt.type(LEFT + UP)
  assert.deepEqual(choices(), [1, 2])
})

test("Tab changes how long an answer is good for, and goes round", () => {
  const prompt = new TestPrompt()
  prompt.ask(1)
  prompt.now = SHOWN_MS
  for (const scope of ["once", "domain", "for", "for", "for", "once"]) {
    prompt.type("1y\t")
    assert.equal(prompt.answers.at(-1), `1 allow work ${scope}`)
  }
})

test("what is good for once only cannot be remembered", () => {
  const prompt = new TestPrompt(30)
  prompt.ask(1, confirmQuestion({ rememberable: false }))
  prompt.now = SHOWN_MS
  prompt.type("\t\ty")
  assert.deepEqual(prompt.answers, ["1 allow vault once"])
})

test("a confirmation that does not fit counts once it was read to its end, without a jump", () => {
  const prompt = new TestPrompt(16, 60)
  const text = Array.from({ length: 40 }, (_, index) => `line ${index}`).join("\n")
  prompt.ask(1, confirmQuestion({ details: [{ label: "Text", text }] }))
  prompt.now = SHOWN_MS
  prompt.type("y")
  assert.match(prompt.screen, /read on to the end first/)
  for (let page = 0; page < 8; page++) prompt.type("\u001b[6~")
  assert.doesNotMatch(prompt.screen, /read on/)
  prompt.type("y")
  assert.deepEqual(prompt.answers, ["1 allow vault once"])
})

test("a window that has become narrower must be read again, and one too small allows nothing", () => {
  const prompt = new TestPrompt(30)
  prompt.ask(1, confirmQuestion())
  prompt.now = SHOWN_MS
  prompt.resize(12, 40)
  prompt.type("y")
  assert.deepEqual(prompt.answers, [])
  prompt.resize(7, 80)
  prompt.type("y")
  assert.deepEqual(prompt.answers, [])
  prompt.resize(30, 80)
  prompt.type("y")
  assert.deepEqual(prompt.answers, ["1 allow vault once"])
})

test("what is pasted is no answer", () => {
  const prompt = new TestPrompt()
  prompt.ask(1)
  prompt.now = SHOWN_MS
  prompt.type("\u001b[200~1yn\u001b[A\u001b[201~")
  assert.deepEqual(prompt.answers, [])
  prompt.type("1y")
  assert.deepEqual(prompt.answers, ["1 allow work once"])
})

test("q and Ctrl-C leave; the bell rings where nothing was asked before", () => {
  for (const key of ["q", "\u0003"]) {
    const prompt = new TestPrompt()
    prompt.ask(1)
    prompt.ask(2)
    assert.equal(prompt.bells, 1)
    prompt.type(key)
    assert.ok(prompt.hasLeft)
  }
})

test("an answer that the daemon did not take is said, and the question stays", () => {
  const prompt = new TestPrompt()
  prompt.ask(1)
  prompt.down({ kind: "refused", id: 1, why: "It was not shown for a second yet" })
  assert.match(prompt.screen, /It was not shown for a second yet/)
  assert.equal(prompt.state.current, 1)
})
