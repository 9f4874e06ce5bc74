import assert from "node:assert/strict"
import { test } from "node:test"
import { callService, startDomain, writePolicy } from "../testing/calls.ts"
import { startTestDaemon } from "../testing/test-daemon.ts"

test("a domain that may ask is told the host's time", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "qubes.GetDate * mail @adminvm allow\n")
  const mail = await startDomain(daemon, "mail")
  const { stdout, exitCode } = await callService(mail, "@adminvm", "qubes.GetDate")
  assert.equal(exitCode, 0)
  assert.match(stdout, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\n$/)
  assert.ok(Math.abs(Date.parse(stdout.trim()) - Date.now()) < 10_000)
})
