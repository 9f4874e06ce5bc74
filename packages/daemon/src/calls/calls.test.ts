import assert from "node:assert/strict"
import { test } from "node:test"
import { callService, hostCall, startDomain, until, writePolicy } from "../testing/calls.ts"
import { failsWith, startTestDaemon } from "../testing/test-daemon.ts"

test("a call that the policy allows reaches the service, its streams and its exit status", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.cat * mail bank allow\ntest.exit * mail bank allow\n")
  const mail = await startDomain(daemon, "mail")
  const input = "\u0000\u00ff\n".repeat(400_000)
  const { stdout, exitCode, events } = await callService(mail, "bank", "test.cat", { input })
  assert.equal(stdout, input)
  assert.equal(exitCode, 0)
  assert.deepEqual(events, ["allowed", "started"])
  assert.equal((await callService(mail, "bank", "test.exit", { argument: "7" })).exitCode, 7)
  assert.ok(daemon.record.told.includes("service test.exit+7 from mail"))
})

test("without a rule a call is refused, and the caller learns no more than that", async () => {
  await using daemon = await startTestDaemon()
  const mail = await startDomain(daemon, "mail")
  await assert.rejects(callService(mail, "bank", "test.cat"), failsWith("refused", /^The call was refused$/))
  await assert.rejects(callService(mail, "none", "test.cat"), failsWith("refused", /^The call was refused$/))
  assert.equal(daemon.backend.domains.size, 1)
})

test("the target is started where it does not run", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank allow\n")
  const mail = await startDomain(daemon, "mail")
  assert.equal((await callService(mail, "bank", "test.true")).exitCode, 0)
  assert.equal(daemon.backend.domains.size, 2)
})

test("a rule with autostart=no starts nothing", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank allow autostart=no\n")
  const mail = await startDomain(daemon, "mail")
  await assert.rejects(callService(mail, "bank", "test.true"), failsWith("refused", /refused/))
  await startDomain(daemon, "bank")
  assert.equal((await callService(mail, "bank", "test.true")).exitCode, 0)
})

test("a disposable is made for a call, and ends with it", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.show * mail @dispvm:pdf allow\n")
  const mail = await startDomain(daemon, "mail")
  const { stdout } = await callService(mail, "@dispvm:pdf", "test.show")
  const { environment } = JSON.parse(stdout)
  assert.deepEqual(Object.fromEntries(environment), {
    source: "mail",
    requestedTarget: "@dispvm:pdf",
    user: "",
  })
  const [, made] = [...daemon.backend.domains.values()]
  await made?.exited
  assert.equal(daemon.backend.domains.size, 1)
})

test("a service that does not exist is status 127, for the host too", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "* * mail @anyvm allow\n* * mail @adminvm allow\n")
  const mail = await startDomain(daemon, "mail")
  await startDomain(daemon, "bank")
  assert.equal((await callService(mail, "bank", "test.nothing")).exitCode, 127)
  assert.equal((await callService(mail, "@adminvm", "test.nothing")).exitCode, 127)
  assert.equal((await hostCall(daemon.connect(), "bank", "test.nothing")).exitCode, 127)
})

test("the host calls without a rule, and is told what is wrong", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  assert.equal((await hostCall(connection, "bank", "test.cat", { input: "hello" })).stdout, "hello")
  await assert.rejects(
    hostCall(connection, "nobody", "test.cat"),
    failsWith("unavailable", /no instance "nobody"/),
  )
})

test("a policy that cannot be read refuses every call until it is mended", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.true * mail bank allow\n")
  const mail = await startDomain(daemon, "mail")
  await startDomain(daemon, "bank")
  assert.equal((await callService(mail, "bank", "test.true")).exitCode, 0)
  writePolicy(daemon, "test.true * mail bank allow maybe\n", "40-broken.policy")
  await until(() => isRefused(callService(mail, "bank", "test.true")))
  writePolicy(daemon, "# mended\n", "40-broken.policy")
  await until(async () => !(await isRefused(callService(mail, "bank", "test.true"))))
})

async function isRefused(outcome: Promise<unknown>): Promise<boolean> {
  return await outcome.then(
    () => false,
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "refused")
      return true
    },
  )
}
