import assert from "node:assert/strict"
import { test } from "node:test"
import {
  ADMIN,
  type AuditRow,
  type Connection,
  type GivenAnswer,
  PROMPT_LIMITS,
  type PrompterDown,
} from "@skerry/rpc"
import { callService, startDomain, until, writePolicy } from "../testing/calls.ts"
import { failsWith, list, startTestDaemon, type TestDaemon } from "../testing/test-daemon.ts"

type Asked = Extract<PrompterDown, { kind: "ask" }>

/** A prompter that looks at each question for as long as it must, and then answers it so. */
async function answerWith(
  daemon: TestDaemon,
  connection: Connection,
  answer: (asked: Asked) => GivenAnswer,
): Promise<Asked[]> {
  const seen: Asked[] = []
  const prompter = connection.call(
    ADMIN.prompter,
    { name: "test" },
    {
      onEvent(event) {
        if (event.kind === "ask") void onAsk(event)
      },
    },
  )
  const onAsk = async (asked: Asked) => {
    seen.push(asked)
    prompter.send({ kind: "focused", id: asked.id })
    await isThere(connection)
    daemon.pass(PROMPT_LIMITS.focusMs)
    prompter.send({ kind: "answer", id: asked.id, answer: answer(asked) })
  }
  prompter.result.catch(() => {}) // it ends with its connection
  await isThere(connection)
  return seen
}

/** What was sent before has been heard. */
const isThere = (connection: Connection) => list(connection, ADMIN.ps, undefined)

const allow =
  (target: string, scope: Extract<GivenAnswer, { kind: "allow" }>["scope"] = { kind: "once" }) =>
  (): GivenAnswer => ({ kind: "allow", target, scope })

const audit = (connection: Connection) =>
  list<object, AuditRow>(connection, ADMIN.audit as never, {
    source: "",
    target: "",
    service: "",
    since: 0n,
    follow: false,
  })

test("a call is asked about, goes where the person says, and all of it is recorded", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.cat * mail @anyvm ask\n")
  const mail = await startDomain(daemon, "mail")
  const connection = daemon.connect()
  const seen = await answerWith(daemon, connection, allow("bank"))
  const { stdout, events } = await callService(mail, "pdf", "test.cat", { argument: "x", input: "hello" })
  assert.equal(stdout, "hello")
  assert.deepEqual(events, ["asking", "allowed", "started"])
  const [asked] = seen
  assert.ok(asked?.question.kind === "call")
  assert.equal(asked.question.source, "mail")
  assert.equal(asked.question.requestedTarget, "pdf")
  assert.equal(asked.question.defaultTarget, "")
  assert.ok(asked.question.targets.includes("bank") && !asked.question.targets.includes("mail"))
  const rows = (await audit(daemon.connect())).filter(({ call }) => call !== undefined)
  assert.deepEqual(
    rows.map(({ kind, verdict, target, answeredBy, exit }) => ({ kind, verdict, target, answeredBy, exit })),
    [
      { kind: "decision", verdict: "ask", target: undefined, answeredBy: undefined, exit: undefined },
      { kind: "prompt", verdict: "allow", target: "bank", answeredBy: "test", exit: undefined },
      { kind: "call-end", verdict: undefined, target: undefined, answeredBy: undefined, exit: "0" },
    ],
  )
  assert.equal(rows[1]?.rule, "30-test.policy:1")
  assert.equal(rows[2]?.bytesUp, 5)
  assert.equal(rows[2]?.bytesDown, 5)
})

test("without a prompter a question is a refusal", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.cat * mail @anyvm ask\n")
  const mail = await startDomain(daemon, "mail")
  await assert.rejects(callService(mail, "bank", "test.cat"), failsWith("refused", /refused/))
  const rows = await audit(daemon.connect())
  assert.ok(rows.some(({ verdict, why }) => verdict === "deny" && why === "no-prompter"))
})

test("an answer for the domain's life is asked for once, and again after the domain has ended", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank ask\n")
  const mail = await startDomain(daemon, "mail")
  const connection = daemon.connect()
  const seen = await answerWith(daemon, connection, allow("bank", { kind: "domain" }))
  for (let call = 0; call < 3; call++)
    assert.equal((await callService(mail, "bank", "test.true")).exitCode, 0)
  assert.equal(seen.length, 1)
  await connection.call(ADMIN.stop, { domain: "mail", force: true }).result
  const again = await startDomain(daemon, "mail")
  assert.equal((await callService(again, "bank", "test.true")).exitCode, 0)
  assert.equal(seen.length, 2)
})

test("a caller that gives up takes its question with it", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank ask\n")
  const mail = await startDomain(daemon, "mail")
  const vanished = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const connection = daemon.connect()
  connection.call(
    ADMIN.prompter,
    { name: "test" },
    {
      onEvent(event) {
        if (event.kind === "ask") asked.resolve()
        if (event.kind === "vanish") vanished.resolve()
      },
    },
  )
  await isThere(connection)
  const giveUp = new AbortController()
  const call = callService(mail, "bank", "test.true", { signal: giveUp.signal })
  await asked.promise
  giveUp.abort(new Error("enough"))
  await assert.rejects(call, /enough/)
  await vanished.promise
})

test("the keeper of a key asks in its own words, beside the caller's true name", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.sleep * mail bank allow\nskerry.Confirm * @anyvm @adminvm allow\n")
  const [mail, bank] = [await startDomain(daemon, "mail"), await startDomain(daemon, "bank")]
  const seen = await answerWith(daemon, daemon.connect(), allow("bank"))
  const stop = new AbortController()
  const running = callService(mail, "bank", "test.sleep", { signal: stop.signal }).catch(() => {})
  await until(() => daemon.record.callIds.length === 1)
  const [callId = ""] = daemon.record.callIds
  const request = (id: string) =>
    JSON.stringify({
      callId: id,
      operation: "sign",
      title: "Sign as Ada",
      details: [{ label: "Text", text: "hi" }],
      rememberable: true,
    })
  const confirm = (from: Connection, parent: string, input: string) =>
    callService(from, "@adminvm", "skerry.Confirm", { parent, input })
  assert.equal((await confirm(bank, callId, request(callId))).exitCode, 0)
  const [asked] = seen
  assert.ok(asked?.question.kind === "confirm")
  assert.deepEqual(
    [asked.question.source, asked.question.keeper, asked.question.title],
    ["mail", "bank", "Sign as Ada"],
  )
  // Another domain cannot speak for that call, nor the keeper for one that is over or was never made.
  assert.equal((await confirm(mail, callId, request(callId))).exitCode, 2)
  assert.equal((await confirm(bank, "", request(callId))).exitCode, 2)
  assert.equal((await confirm(bank, callId, request("other"))).exitCode, 2)
  assert.equal((await confirm(bank, callId, "{")).exitCode, 2)
  stop.abort()
  await running
  assert.equal((await confirm(bank, callId, request(callId))).exitCode, 2)
  assert.equal(seen.length, 1)
})

test("a rule with once lets one call through, also of two at a time", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank allow once\n")
  const mail = await startDomain(daemon, "mail")
  const outcomes = await Promise.allSettled([
    callService(mail, "bank", "test.true"),
    callService(mail, "bank", "test.true"),
  ])
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"])
  await assert.rejects(callService(mail, "bank", "test.true"), failsWith("refused", /refused/))
})
