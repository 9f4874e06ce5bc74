import assert from "node:assert/strict"
import { test } from "node:test"
import type { InstanceName, System } from "@skerry/model"
import { ADMIN, type Connection, type GivenAnswer, PROMPT_LIMITS } from "@skerry/rpc"
import { callService, startDomain, until, writePolicy } from "../testing/calls.ts"
import {
  failsWith,
  generation,
  list,
  startTestDaemon,
  type TestDaemon,
  tinySystem,
} from "../testing/test-daemon.ts"

/** Looks at the first question for as long as it must, does `meanwhile`, and then answers. */
async function answerAfter(
  daemon: TestDaemon,
  meanwhile: () => void | Promise<void>,
  answer: GivenAnswer,
): Promise<{ readonly asked: Promise<void> }> {
  const asked = Promise.withResolvers<void>()
  const connection = daemon.connect()
  const prompter = connection.call(
    ADMIN.prompter,
    { name: "test" },
    {
      onEvent(event) {
        if (event.kind === "ask") onAsk(event.id).catch(asked.reject)
      },
    },
  )
  const onAsk = async (id: number) => {
    prompter.send({ kind: "focused", id })
    await isHeard(connection)
    asked.resolve()
    daemon.pass(PROMPT_LIMITS.focusMs)
    await meanwhile()
    prompter.send({ kind: "answer", id, answer })
  }
  prompter.result.catch(() => {}) // it ends with its connection
  await isHeard(connection)
  return { asked: asked.promise }
}

/** What was sent before. */
const isHeard = (connection: Connection) => list(connection, ADMIN.ps, undefined)

const allow: GivenAnswer = { kind: "allow", target: "bank", scope: { kind: "once" } }

for (const [what, rules] of [
  ["denies it", "test.true * mail bank deny\n"],
  ["sends it elsewhere", "test.true * mail bank allow target=pdf\n"],
  ["cannot be read", "nonsense\n"],
] as const) {
  test(`an answer allows nothing once the policy ${what}`, async () => {
    await using daemon = await startTestDaemon()
    writePolicy(daemon, "test.true * mail bank ask\n")
    const mail = await startDomain(daemon, "mail")
    await answerAfter(daemon, () => writePolicy(daemon, rules), allow)
    await assert.rejects(callService(mail, "bank", "test.true"), failsWith("refused", /refused/))
    assert.equal(daemon.backend.domains.size, 1)
  })
}

test("a refusal stands where the policy allows it meanwhile", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank ask\n")
  const mail = await startDomain(daemon, "mail")
  const loosen = () => writePolicy(daemon, "test.true * mail bank allow\n")
  await answerAfter(daemon, loosen, { kind: "deny", scope: { kind: "once" } })
  await assert.rejects(callService(mail, "bank", "test.true"), failsWith("refused", /refused/))
})

test("an answer starts no domain that has stopped meanwhile, where the rule does not", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank ask autostart=no\n")
  const mail = await startDomain(daemon, "mail")
  await startDomain(daemon, "bank")
  const stop = async () => {
    await daemon.connect().call(ADMIN.stop, { domain: "bank", force: true }).result
  }
  await answerAfter(daemon, stop, allow)
  await assert.rejects(callService(mail, "bank", "test.true"), failsWith("refused", /refused/))
  assert.equal(daemon.backend.domains.size, 1)
})

test("a domain whose instance was taken out of the configuration calls nobody", async () => {
  await using daemon = await startTestDaemon()
  const system = tinySystem()
  const mail = "mail" as InstanceName
  const tagged: System = {
    ...system,
    instances: { ...system.instances, [mail]: { ...system.instances[mail], tags: ["untrusted"] } } as never,
  }
  daemon.current = generation(2, tagged)
  writePolicy(daemon, "* * @tag:untrusted @anyvm deny\n* * @anyvm @anyvm allow\n")
  const connection = await startDomain(daemon, "mail")
  await assert.rejects(callService(connection, "bank", "test.true"), failsWith("refused", /refused/))
  const { [mail]: _, ...instances } = tagged.instances
  daemon.current = generation(3, { ...tagged, instances })
  // Longer than the daemon goes without a look.
  const from = performance.now()
  await until(() => performance.now() - from > 120)
  await assert.rejects(callService(connection, "bank", "test.true"), failsWith("refused", /refused/))
})

test("a deadline of a month does not pass at once", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "* * mail bank allow\n")
  const mail = await startDomain(daemon, "mail")
  const deadlineMs = 31 * 86_400_000
  const giveUp = new AbortController()
  const call = callService(mail, "bank", "test.sleep", { deadlineMs, signal: giveUp.signal })
  call.catch(() => {})
  const from = performance.now()
  await until(() => daemon.record.callIds.length === 1 && performance.now() - from > 50)
  giveUp.abort(new Error("enough"))
  await assert.rejects(call, /enough/)
})

test("an answer to a keeper is not remembered for a domain that has ended", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.sleep * mail bank allow\nskerry.Confirm * @anyvm @adminvm allow\n")
  const [mail, bank] = [await startDomain(daemon, "mail"), await startDomain(daemon, "bank")]
  callService(mail, "bank", "test.sleep").catch(() => {})
  await until(() => daemon.record.callIds.length === 1)
  const [callId = ""] = daemon.record.callIds
  const stop = async () => {
    await daemon.connect().call(ADMIN.stop, { domain: "mail", force: true }).result
  }
  await answerAfter(daemon, stop, { kind: "allow", target: "bank", scope: { kind: "domain" } })
  const request = { callId, operation: "sign", title: "Sign", details: [], rememberable: true }
  const words = { parent: callId, input: JSON.stringify(request) }
  await assert.rejects(
    callService(bank, "@adminvm", "skerry.Confirm", words),
    failsWith("unavailable", /host/),
  )
  assert.deepEqual(await list(daemon.connect(), ADMIN.grants, undefined), [])
})
