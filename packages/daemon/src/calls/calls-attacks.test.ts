import assert from "node:assert/strict"
import { test } from "node:test"
import { ADMIN, call } from "@skerry/rpc"
import { DAEMON_LIMITS } from "../limits.ts"
import { callService, startDomain, until, writePolicy } from "../testing/calls.ts"
import { command, failsWith, SETTINGS, startTestDaemon, type TestDaemon } from "../testing/test-daemon.ts"

const callSettings = (calls: Partial<(typeof SETTINGS)["calls"]>) => ({
  settings: { calls: { ...SETTINGS.calls, ...calls } },
})

const EVERYTHING = "* * @anyvm @anyvm allow\n"

for (const [what, target, service, argument] of [
  ["a name with a slash", "bank", "../../etc/passwd", ""],
  ["a name with a space", "bank", "test.cat x", ""],
  ["no name", "bank", "", ""],
  ["an argument with a newline", "bank", "test.cat", "a\nb"],
  ["an argument with NUL", "bank", "test.cat", "a\0b"],
  ["an argument with an escape sequence", "bank", "test.cat", "\u001b[31m"],
  ["a target with a space", "bank x", "test.cat", ""],
  ["a target with a direction mark", "bank\u202e", "test.cat", ""],
] as const) {
  test(`${what} is refused before any rule is looked at`, async () => {
    await using daemon = await startTestDaemon()
    writePolicy(daemon, EVERYTHING)
    const mail = await startDomain(daemon, "mail")
    await assert.rejects(callService(mail, target, service, { argument }), failsWith("bad-request", /is n/))
    assert.equal(daemon.backend.domains.size, 1)
  })
}

for (const target of ["@anyvm", "@tag:x", "*", "@dispvm:mail", "@dispvm:@tag:x"]) {
  test(`a call to ${target}, which is no target, is refused`, async () => {
    await using daemon = await startTestDaemon()
    writePolicy(daemon, EVERYTHING)
    const mail = await startDomain(daemon, "mail")
    await assert.rejects(
      callService(mail, target, "test.cat"),
      (error: { code?: string }) => error.code === "refused" || error.code === "bad-request",
    )
    assert.equal(daemon.backend.domains.size, 1)
  })
}

test("10,000 calls at once from one domain: as many as allowed run, the others are refused, another domain is served", async () => {
  await using daemon = await startTestDaemon(callSettings({ atOnce: 50, perSecond: 1, burst: 100 }))
  writePolicy(daemon, EVERYTHING)
  const [mail, bank] = [await startDomain(daemon, "mail"), await startDomain(daemon, "bank")]
  const codes = new Map<string, number>()
  const count = (code: string) => codes.set(code, (codes.get(code) ?? 0) + 1)
  for (let round = 0; round < 20; round++) {
    const flood = Array.from({ length: 500 }, () =>
      callService(mail, "bank", "test.true").then(
        () => count("done"),
        (error: Error & { code: string }) => count(error.code),
      ),
    )
    await Promise.all(flood)
  }
  const { done = 0, "too-many-calls": refused = 0 } = Object.fromEntries(codes)
  assert.equal(done + refused, 10_000)
  assert.ok(done >= 50 && done <= 110, `${done} ran`)
  assert.equal((await callService(bank, "mail", "test.true")).exitCode, 0)
})

test("calls that lead to each other end at a depth", async () => {
  await using daemon = await startTestDaemon(callSettings({ depth: 4 }))
  writePolicy(daemon, EVERYTHING)
  const agents = [await startDomain(daemon, "mail"), await startDomain(daemon, "bank")]
  const stop = new AbortController()
  const open: Promise<unknown>[] = []
  const callNext = (depth: number) => {
    const [from, target] = depth % 2 === 0 ? [agents[0], "bank"] : [agents[1], "mail"]
    const parent = daemon.record.callIds[depth - 1] ?? ""
    assert.ok(from)
    return callService(from, target, "test.announce-and-sleep", { parent, signal: stop.signal })
  }
  for (let depth = 0; depth < 4; depth++) {
    open.push(callNext(depth).catch(() => {}))
    await until(() => daemon.record.callIds.length === depth + 1)
  }
  await assert.rejects(callNext(4), failsWith("loop", /5 calls lead to each other/))
  stop.abort()
  await Promise.all(open)
})

test("a domain cannot name another domain's call as what led to its own", async () => {
  await using daemon = await startTestDaemon(callSettings({ depth: 1 }))
  writePolicy(daemon, EVERYTHING)
  const [mail, bank] = [await startDomain(daemon, "mail"), await startDomain(daemon, "bank")]
  const stop = new AbortController()
  const open = callService(mail, "bank", "test.announce-and-sleep", { signal: stop.signal }).catch(() => {})
  await until(() => daemon.record.callIds.length === 1)
  const [parent = ""] = daemon.record.callIds
  assert.equal((await callService(mail, "bank", "test.true", { parent })).exitCode, 0)
  await assert.rejects(callService(bank, "mail", "test.true", { parent }), failsWith("loop", /2 calls/))
  stop.abort()
  await open
})

test("a deadline ends a call and tells the service", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  const call = callService(mail, "bank", "test.sleep", { deadlineMs: 100 })
  await assert.rejects(call, failsWith("deadline", /100 ms/))
  await until(() => daemon.record.told.includes("cancelled sleep"))
})

test("a call that its caller gives up ends its service, and a disposable with it", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "* * mail @dispvm:pdf allow\n")
  const mail = await startDomain(daemon, "mail")
  const giveUp = new AbortController()
  const call = callService(mail, "@dispvm:pdf", "test.sleep", { signal: giveUp.signal })
  await until(() => daemon.record.callIds.length === 1)
  giveUp.abort(new Error("enough"))
  await assert.rejects(call, /enough/)
  await until(() => daemon.backend.domains.size === 1)
})

test("a target that ends under a call fails that call alone", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  await startDomain(daemon, "bank")
  const broken = assert.rejects(
    callService(mail, "bank", "test.poweroff"),
    failsWith("unavailable", /target/),
  )
  const whole = callService(mail, "pdf", "test.cat", { input: "x" })
  await broken
  assert.equal((await whole).stdout, "x")
})

test("a caller that ends leaves no call behind", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  const bank = await startDomain(daemon, "bank")
  const cut = callService(mail, "bank", "test.sleep").catch(() => "cut")
  await until(() => daemon.record.callIds.length === 1)
  await daemon.connect().call(ADMIN.stop, { domain: "mail", force: true }).result
  assert.equal(await cut, "cut")
  await until(() => daemon.record.told.includes("cancelled sleep"))
  assert.equal((await callService(bank, "mail", "test.true")).exitCode, 0)
})

test("a caller that reads nothing holds up its own call and no other", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  const params = {
    service: "test.yes",
    argument: "",
    target: "bank",
    deadlineMs: 0,
    parent: "",
    progress: false,
    pipes: false,
  }
  const stuck = mail.call(call, params)
  await until(() => daemon.record.callIds.length === 1)
  const input = "x".repeat(1_000_000)
  assert.equal((await callService(mail, "bank", "test.cat", { input })).stdout, input)
  stuck.stdout.destroy()
  stuck.stderr.destroy()
})

test("a policy that is replaced while calls run leaves them, and decides the next ones", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  const stop = new AbortController()
  const running = callService(mail, "bank", "test.sleep", { signal: stop.signal })
  running.catch(() => {})
  await until(() => daemon.record.callIds.length === 1)
  writePolicy(daemon, "* * mail bank deny\n")
  await until(async () => {
    const outcome = callService(mail, "bank", "test.true")
    return await outcome.then(
      () => false,
      (error: { code?: string }) => error.code === "refused",
    )
  })
  assert.ok(!daemon.record.told.includes("cancelled sleep"))
  stop.abort()
})

test("calls that stall at a target leave room for its commands, and give their places back", async () => {
  await using daemon = await startTestDaemon(callSettings({ atOnce: 600 }))
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  const bank = await startDomain(daemon, "bank")
  const giveUp = new AbortController()
  const refused: string[] = []
  const { servicesPerDomain } = DAEMON_LIMITS
  const stalled = Array.from({ length: 510 }, () =>
    callService(mail, "bank", "test.sleep", { signal: giveUp.signal }).catch((error: { code?: string }) =>
      refused.push(error.code ?? ""),
    ),
  )
  await until(() => refused.length === 510 - servicesPerDomain)
  assert.deepEqual([...new Set(refused)], ["unavailable"])
  assert.equal(daemon.record.callIds.length, servicesPerDomain)
  const commands = Array.from({ length: DAEMON_LIMITS.commandsPerDomain }, () => exec(daemon, "sleep"))
  const cutOff = Promise.allSettled(commands)
  const running = () => daemon.record.told.filter((each) => each === "exec sleep").length
  await until(() => running() === DAEMON_LIMITS.commandsPerDomain)
  assert.equal((await callService(bank, "mail", "test.true")).exitCode, 0)
  giveUp.abort(new Error("enough"))
  await Promise.all(stalled)
  await until(() =>
    callService(mail, "bank", "test.true").then(
      () => true,
      () => false,
    ),
  )
  await daemon.connect().call(ADMIN.stop, { domain: "bank", force: true }).result
  await cutOff
})

const exec = (daemon: TestDaemon, ...argv: string[]) => {
  const made = daemon.connect().call(ADMIN.exec, { domain: "bank", command: command(...argv) })
  made.stdin.end()
  for (const output of [made.stdout, made.stderr]) output.resume()
  return made.result
}
