import assert from "node:assert/strict"
import { once } from "node:events"
import { duplexPair } from "node:stream"
import { test } from "node:test"
import {
  ADMIN,
  Connection,
  type GivenAnswer,
  type OutgoingCall,
  PROMPT_LIMITS,
  type PrompterDown,
  type PrompterUp,
} from "@skerry/rpc"
import { PROMPTS } from "./limits.ts"
import { Prompts } from "./prompts.ts"
import { callQuestion, confirmQuestion } from "./testing.ts"

const never = new AbortController().signal

class Desk implements Disposable {
  readonly notices: string[] = []
  readonly prompts: Prompts
  readonly #connections: Connection[] = []
  clock = 0
  constructor(promptMs = 60_000) {
    this.prompts = new Prompts({
      promptMs: () => promptMs,
      monotonicMs: () => this.clock,
      now: () => 1_000_000,
      onNotice: (text) => this.notices.push(text),
    })
  }
  async prompter(name: string): Promise<TestPrompter> {
    const [here, there] = duplexPair()
    this.#connections.push(new Connection(there, { serve: this.prompts.handlers }))
    const connection = new Connection(here)
    this.#connections.push(connection)
    const prompter = new TestPrompter(connection, name, () => here.pause())
    // An answer to this round trip says that the call before it was taken.
    await assert.rejects(connection.call(ADMIN.status, undefined).result)
    return prompter
  }
  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close()
  }
}

class TestPrompter extends EventTarget {
  readonly call: OutgoingCall<undefined, PrompterUp, PrompterDown>
  readonly connection: Connection
  readonly events: PrompterDown[] = []
  readonly stopReading: () => void
  constructor(connection: Connection, name: string, stopReading: () => void) {
    super()
    this.stopReading = stopReading
    this.connection = connection
    this.call = connection.call(
      ADMIN.prompter,
      { name },
      {
        onEvent: (event) => {
          this.events.push(event)
          this.dispatchEvent(new Event("event"))
        },
      },
    )
  }
  async next(): Promise<PrompterDown> {
    if (this.events.length === 0) await once(this, "event", { signal: AbortSignal.timeout(5000) })
    return this.events.shift() as PrompterDown
  }
  answer(id: number, answer: GivenAnswer): void {
    this.call.send({ kind: "answer", id, answer })
  }
  /** Events that were sent have arrived. */
  async settled(): Promise<void> {
    await assert.rejects(this.connection.call(ADMIN.status, undefined).result)
  }
}

const allowOnce: GivenAnswer = { kind: "allow", target: "work", scope: { kind: "once" } }

test("a question goes to a prompter and its answer back, with who gave it", async () => {
  using desk = new Desk()
  const prompter = await desk.prompter("terminal pts/3")
  const answered = desk.prompts.ask(callQuestion(), never)
  const shown = await prompter.next()
  assert.ok(shown.kind === "ask")
  assert.deepEqual(shown.question, callQuestion())
  prompter.call.send({ kind: "focused", id: shown.id })
  await prompter.settled()
  desk.clock = PROMPT_LIMITS.focusMs
  prompter.answer(shown.id, { kind: "allow", target: "vault", scope: { kind: "for", seconds: 60 } })
  assert.deepEqual(await answered, {
    kind: "allow",
    target: "vault",
    scope: { kind: "until", until: 1_060_000 },
    by: "terminal pts/3",
  })
  assert.equal(desk.prompts.count, 0)
})

test("an answer too soon is told so, and the question still stands", async () => {
  using desk = new Desk()
  const prompter = await desk.prompter("t")
  const answered = desk.prompts.ask(callQuestion(), never)
  const shown = await prompter.next()
  assert.ok(shown.kind === "ask")
  prompter.call.send({ kind: "focused", id: shown.id })
  prompter.answer(shown.id, allowOnce)
  assert.equal((await prompter.next()).kind, "refused")
  prompter.answer(shown.id, { kind: "deny", scope: { kind: "never" } })
  assert.deepEqual(await answered, { kind: "deny", scope: { kind: "never" }, why: "user", by: "t" })
})

test("answered twice, the second is ignored and noted", async () => {
  using desk = new Desk()
  const first = await desk.prompter("first")
  const second = await desk.prompter("second")
  const answered = desk.prompts.ask(callQuestion(), never)
  const shown = await first.next()
  assert.ok(shown.kind === "ask")
  first.answer(shown.id, { kind: "deny", scope: { kind: "once" } })
  assert.equal((await answered).by, "first")
  second.answer(shown.id, allowOnce)
  await second.settled()
  assert.equal(desk.notices.length, 1)
  assert.match(desk.notices[0] ?? "", /answered question \d+, which does not stand/)
})

test("a prompter that goes away takes its questions with it where it was the last", async () => {
  using desk = new Desk()
  const prompter = await desk.prompter("t")
  const answered = desk.prompts.ask(callQuestion(), never)
  await prompter.next()
  prompter.connection.close()
  assert.deepEqual(await answered, { kind: "deny", scope: { kind: "once" }, why: "gone", by: "" })
  assert.equal(((await desk.prompts.ask(callQuestion(), never)) as { why?: string }).why, "no-prompter")
})

test("nobody answers in time", async () => {
  using desk = new Desk(20)
  const prompter = await desk.prompter("t")
  const answered = desk.prompts.ask(callQuestion(), never)
  desk.clock = 20
  const answer = await answered
  assert.ok(answer.kind === "deny" && answer.why === "timeout")
  assert.equal((await prompter.next()).kind, "ask")
  assert.equal((await prompter.next()).kind, "vanish")
})

test("a caller that gives up takes its question away", async () => {
  using desk = new Desk()
  const prompter = await desk.prompter("t")
  const caller = new AbortController()
  const answered = desk.prompts.ask(callQuestion(), caller.signal)
  await prompter.next()
  caller.abort(new Error("given up"))
  await assert.rejects(answered, /given up/)
  assert.equal((await prompter.next()).kind, "vanish")
  await assert.rejects(desk.prompts.ask(callQuestion(), caller.signal), /given up/)
})

test("what cannot be shown whole is refused, at the limit it is asked", async () => {
  using desk = new Desk()
  const prompter = await desk.prompter("t")
  const why = async (question: Parameters<Prompts["ask"]>[0]) => {
    const answer = await desk.prompts.ask(question, never)
    return answer.kind === "deny" ? answer.why : "allowed"
  }
  assert.equal(
    await why(callQuestion({ argument: "a".repeat(PROMPT_LIMITS.argumentBytes + 1) })),
    "unshowable",
  )
  assert.equal(await why(callQuestion({ targets: [] })), "unshowable")
  const text = "x".repeat(PROMPT_LIMITS.detailBytes)
  assert.equal(await why(confirmQuestion({ details: [{ label: "", text: `${text}x` }] })), "unshowable")
  const three = [
    { label: "", text },
    { label: "", text },
    { label: "", text },
  ]
  assert.equal(await why(confirmQuestion({ details: [...three, { label: "x", text: "" }] })), "unshowable")
  const atLimit = desk.prompts.ask(confirmQuestion({ details: three }), never)
  const shown = await prompter.next()
  assert.ok(shown.kind === "ask")
  prompter.answer(shown.id, { kind: "deny", scope: { kind: "once" } })
  assert.equal((await atLimit).kind, "deny")
})

test("a prompter that comes after the last place was taken is refused", async () => {
  using desk = new Desk()
  for (let count = 0; count < PROMPTS.prompters; count++) await desk.prompter(`t${count}`)
  const refused = await desk.prompter("one more")
  await assert.rejects(refused.call.result, { code: "full" })
})

test("a prompter that does not read is let go, and what it was shown is refused", async () => {
  using desk = new Desk()
  const prompter = await desk.prompter("t")
  prompter.stopReading()
  const first = desk.prompts.ask(callQuestion(), never)
  const argument = "a".repeat(PROMPT_LIMITS.argumentBytes)
  for (let count = 0; desk.notices.length === 0 && count < 1000; count++) {
    const caller = new AbortController()
    const given = desk.prompts.ask(callQuestion({ argument }), caller.signal)
    caller.abort(new Error("given up"))
    await assert.rejects(given)
  }
  assert.match(desk.notices[0] ?? "", /prompter "t" does not keep up and was let go/)
  const answer = await first
  assert.ok(answer.kind === "deny" && answer.why === "gone")
})

test("when the daemon ends, what waits is refused and prompters are let go", async () => {
  using desk = new Desk()
  const prompter = await desk.prompter("t")
  const answered = desk.prompts.ask(callQuestion(), never)
  desk.prompts.end()
  const answer = await answered
  assert.ok(answer.kind === "deny" && answer.why === "ending")
  await prompter.call.result
})
