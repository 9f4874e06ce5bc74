import assert from "node:assert/strict"
import { test } from "node:test"
import { PROMPT_LIMITS } from "@skerry/rpc"
import { PROMPTS } from "./limits.ts"
import { EMPTY_QUEUE, type QueueEffect, type QueueEvent, type QueueState, stepQueue } from "./queue.ts"
import { callQuestion, confirmQuestion } from "./testing.ts"

class Queue {
  state: QueueState = EMPTY_QUEUE
  now = 0
  step(event: QueueEvent): string[] {
    const { state, effects } = stepQueue(this.state, event)
    this.state = state
    return effects.map(words)
  }
  come = (prompter: number) => this.step({ kind: "came", prompter, now: this.now })
  ask = (id: number, source = "mail", question = callQuestion({ source })) =>
    this.step({
      kind: "asked",
      id,
      question,
      expiresAt: this.now + 60_000,
      now: this.now,
    })
  focus = (prompter: number, id: number) => this.step({ kind: "focused", prompter, id, now: this.now })
  allow = (prompter: number, id: number, target = "work") =>
    this.step({
      kind: "answer",
      prompter,
      id,
      answer: { kind: "allow", target, scope: { kind: "once" } },
      now: this.now,
    })
  deny = (prompter: number, id: number) =>
    this.step({
      kind: "answer",
      prompter,
      id,
      answer: { kind: "deny", scope: { kind: "once" } },
      now: this.now,
    })
}

function words(effect: QueueEffect): string {
  switch (effect.kind) {
    case "ask":
      return `ask ${effect.id} at ${effect.prompter}, place ${effect.position}, ${effect.remainingMs} ms`
    case "vanish":
      return `vanish ${effect.id} at ${effect.prompter}: ${effect.why}`
    case "refused":
      return `refused ${effect.id} at ${effect.prompter}: ${effect.why}`
    case "answer":
      return `answer ${effect.id}: ${effect.answer.kind}`
    case "refuse":
      return `refuse ${effect.id}: ${effect.why}`
    case "notice":
      return `notice: ${effect.text}`
  }
}

test("with nobody to ask, a question is refused at once", () => {
  assert.deepEqual(new Queue().ask(1), ["refuse 1: no-prompter"])
})

test("a question is shown at all prompters, the first answer counts, the others see it vanish", () => {
  const queue = new Queue()
  queue.come(10)
  queue.come(11)
  assert.deepEqual(queue.ask(1), ["ask 1 at 10, place 0, 60000 ms", "ask 1 at 11, place 0, 60000 ms"])
  queue.focus(11, 1)
  queue.now = PROMPT_LIMITS.focusMs
  assert.deepEqual(queue.allow(11, 1), [
    "answer 1: allow",
    "vanish 1 at 10: it was answered elsewhere",
    "vanish 1 at 11: ",
  ])
  assert.deepEqual(queue.deny(10, 1), ["notice: prompter 10 answered question 1, which does not stand"])
})

test("an allowing answer counts from one second of focus on, a refusal at once", () => {
  const queue = new Queue()
  queue.come(10)
  queue.ask(1)
  const tooSoon = ["refused 1 at 10: It was not shown for a second yet: read it, then answer again"]
  assert.deepEqual(queue.allow(10, 1), tooSoon, "never shown")
  queue.focus(10, 1)
  queue.now = PROMPT_LIMITS.focusMs - 1
  assert.deepEqual(queue.allow(10, 1), tooSoon)
  queue.focus(10, 1)
  queue.now = PROMPT_LIMITS.focusMs
  assert.equal(queue.allow(10, 1)[0], "answer 1: allow", "hearing it again starts nothing again")
  queue.ask(2)
  assert.equal(queue.deny(10, 2)[0], "answer 2: deny")
})

test("focus that was lost, or went to another question, begins again", () => {
  const queue = new Queue()
  queue.come(10)
  queue.ask(1)
  queue.ask(2)
  queue.focus(10, 1)
  queue.now = 5000
  queue.focus(10, 2)
  assert.match(queue.allow(10, 1)[0] ?? "", /^refused 1 /)
  queue.now = 10_000
  queue.step({ kind: "unfocused", prompter: 10, now: queue.now })
  assert.match(queue.allow(10, 2)[0] ?? "", /^refused 2 /)
})

test("focus at one prompter is none at another", () => {
  const queue = new Queue()
  queue.come(10)
  queue.come(11)
  queue.ask(1)
  queue.focus(10, 1)
  queue.now = 5000
  assert.match(queue.allow(11, 1)[0] ?? "", /^refused 1 at 11/)
})

test("only a target that the policy offers can be allowed", () => {
  const queue = new Queue()
  queue.come(10)
  queue.ask(1)
  queue.focus(10, 1)
  queue.now = 2000
  assert.deepEqual(queue.allow(10, 1, "bank"), ["refused 1 at 10: The policy does not offer this target"])
})

test("a confirmation has its keeper as target, and is remembered only where it may be", () => {
  const queue = new Queue()
  queue.come(10)
  const question = confirmQuestion({ rememberable: false })
  queue.step({ kind: "asked", id: 1, question, expiresAt: 60_000, now: 0 })
  queue.focus(10, 1)
  queue.now = 2000
  assert.match(queue.allow(10, 1, "mail")[0] ?? "", /^refused 1 at 10: A confirmation has no other target/)
  const answer = { kind: "allow", target: "vault", scope: { kind: "domain" } } as const
  assert.deepEqual(queue.step({ kind: "answer", prompter: 10, id: 1, answer, now: 2000 }), [
    "refused 1 at 10: This can be allowed once only",
  ])
  assert.equal(queue.allow(10, 1, "vault")[0], "answer 1: allow")
})

test("a source may have so many questions waiting, and no more", () => {
  const queue = new Queue()
  queue.come(10)
  for (let id = 1; id <= PROMPTS.perSource; id++) assert.match(queue.ask(id)[0] ?? "", /^ask /)
  assert.deepEqual(queue.ask(99), ["refuse 99: too-many"])
  assert.equal(queue.ask(100, "work")[0], "ask 100 at 10, place 1, 60000 ms", "after the first of the flood")
})

test("where all places are taken, whoever takes most of them makes room", () => {
  const queue = new Queue()
  queue.come(10)
  for (let id = 0; id < PROMPTS.inAll; id++) queue.ask(id, `flood-${Math.floor(id / PROMPTS.perSource)}`)
  assert.equal(queue.state.waiting.length, PROMPTS.inAll)
  const last = PROMPTS.inAll - 1
  assert.deepEqual(queue.ask(100, "work").slice(0, 2), [
    `refuse ${last}: too-many`,
    `vanish ${last} at 10: its source asks too much`,
  ])
  assert.equal(queue.state.waiting.length, PROMPTS.inAll)
})

test("time, an end and a caller that gives up take questions away", () => {
  const queue = new Queue()
  queue.come(10)
  queue.ask(1)
  queue.now = 1000
  queue.ask(2)
  assert.deepEqual(queue.step({ kind: "gaveUp", id: 1 }), ["vanish 1 at 10: the caller gave up"])
  assert.deepEqual(queue.step({ kind: "expired", now: 60_999 }), [])
  assert.deepEqual(queue.step({ kind: "expired", now: 61_000 }), [
    "refuse 2: timeout",
    "vanish 2 at 10: nobody answered in time",
  ])
  queue.ask(3)
  assert.deepEqual(queue.step({ kind: "ending" }), [
    "refuse 3: ending",
    "vanish 3 at 10: the daemon is ending",
  ])
})

test("when the last prompter has gone, what it was asked is refused; its answers do not count any more", () => {
  const queue = new Queue()
  queue.come(10)
  queue.come(11)
  queue.ask(1)
  assert.deepEqual(queue.step({ kind: "left", prompter: 10 }), [])
  assert.deepEqual(queue.deny(10, 1), [
    "notice: prompter 10 answered question 1, which it may not: it has gone",
  ])
  assert.deepEqual(queue.step({ kind: "left", prompter: 11 }), ["refuse 1: gone"])
})

test("a prompter that comes later is shown what waits, everybody's first before anybody's second", () => {
  const queue = new Queue()
  queue.come(10)
  queue.ask(1, "mail")
  queue.ask(2, "mail")
  queue.ask(3, "work")
  queue.now = 500
  assert.deepEqual(queue.come(11), [
    "ask 1 at 11, place 0, 59500 ms",
    "ask 3 at 11, place 1, 59500 ms",
    "ask 2 at 11, place 2, 59500 ms",
  ])
})

test("a source that was refused again and again is not asked about for a while, others are", () => {
  const queue = new Queue()
  queue.come(10)
  for (let id = 1; id <= PROMPTS.denials; id++) {
    assert.match(queue.ask(id)[0] ?? "", /^ask /)
    queue.deny(10, id)
    queue.now += 100
  }
  assert.deepEqual(queue.ask(50), ["refuse 50: too-many"])
  assert.match(queue.ask(51, "bank")[0] ?? "", /^ask /)
  queue.now = PROMPTS.quietMs
  assert.match(queue.ask(52)[0] ?? "", /^ask /, "the first refusal is a minute old")
})

test("a keeper that asks too much, or is refused too often, silences no caller and no other keeper", () => {
  const queue = new Queue()
  queue.come(10)
  for (let id = 1; id <= PROMPTS.perSource; id++) queue.ask(id, "mail", confirmQuestion())
  assert.deepEqual(queue.ask(20, "mail", confirmQuestion()), ["refuse 20: too-many"])
  assert.match(queue.ask(21)[0] ?? "", /^ask 21 at 10, place 1/)
  assert.match(queue.ask(22, "", confirmQuestion({ source: "work" }))[0] ?? "", /^ask /)
  for (let id = 1; id <= PROMPTS.denials; id++) queue.deny(10, id)
  assert.deepEqual(queue.ask(23, "mail", confirmQuestion()), ["refuse 23: too-many"])
  assert.match(queue.ask(24)[0] ?? "", /^ask /)
  assert.match(queue.ask(25, "", confirmQuestion({ keeper: "keys" }))[0] ?? "", /^ask /)
})
