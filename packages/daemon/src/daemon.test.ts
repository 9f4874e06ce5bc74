import assert from "node:assert/strict"
import { test } from "node:test"
import { ADMIN, type DomainRow, type LogRow } from "@skerry/rpc"
import { command, failsWith, list, run, startTestDaemon } from "./testing/test-daemon.ts"

test("a disposable runs its command, passes binary data on, and leaves nothing", async () => {
  await using daemon = await startTestDaemon()
  const input = "\u0000\u00ff\n".repeat(400_000)
  const { result, stdout, events } = await run(daemon.connect(), "mail", command("cat"), { input })
  assert.deepEqual(result, { exit: { kind: "code", code: 0 } })
  assert.equal(stdout, input)
  const started = events.find((event) => event.kind === "started")
  assert.match(started?.domain ?? "", /^mail-[0-9a-v]{6}$/)
  await daemon.daemon.end()
  assert.equal(daemon.backend.domains.size, 0)
})

test("status, stdout and stderr come through apart", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  const { stdout, stderr } = await run(connection, "mail", command("both"))
  assert.deepEqual([stdout, stderr], ["to stdout", "to stderr"])
  assert.deepEqual((await run(connection, "mail", command("exit", "7"))).result, {
    exit: { kind: "code", code: 7 },
  })
})

test("without a command the application's own runs, as the application says, with what the request adds", async () => {
  await using daemon = await startTestDaemon()
  const spec = { ...command(), environment: [{ name: "FROM", value: "request" }], user: "root" as const }
  const shown = JSON.parse((await run(daemon.connect(), "mail", spec)).stdout)
  assert.deepEqual(shown.argv, ["show"])
  assert.deepEqual(Object.fromEntries(shown.environment), { FROM: "request", KEPT: "yes" })
  assert.deepEqual([shown.workingDirectory, shown.user], ["/home/user", "root"])
})

test("every domain is told who it is before anything runs in it, and no two are told the same", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await run(connection, "mail", command("true"))
  await run(connection, "mail", command("true"))
  const { told, entropy, machineIds } = daemon.record
  assert.deepEqual(told, ["identify mail", "exec true", "identify mail", "exec true"])
  assert.equal(new Set(entropy).size, 2)
  assert.equal(entropy[0]?.length, 128)
  assert.equal(new Set(machineIds).size, 2)
})

test("an instance's domain stays for further commands until it is stopped", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  const lasting = { isDisposable: false }
  await Promise.all([
    run(connection, "mail", command("true"), lasting),
    run(connection, "mail", command("true"), lasting),
  ])
  assert.deepEqual([...daemon.backend.calls], [`prepare sha256:${"a".repeat(64)}`, "start mail"])
  const [row] = await list<undefined, DomainRow>(connection, ADMIN.ps, undefined)
  assert.equal(row?.domain, "mail")
  assert.equal(row?.state, "running")
  assert.equal(row?.isolation, "vm")
  assert.equal(row?.generation, 1)
  assert.equal(row?.memoryBytes, 1024 * 1024)
  await connection.call(ADMIN.stop, { domain: "mail", force: false }).result
  assert.deepEqual(await list(connection, ADMIN.ps, undefined), [])
  assert.equal(daemon.record.told.at(-1), "shutdown")
})

test("200 runs at once all succeed, few of them starting at a time", async () => {
  await using daemon = await startTestDaemon({
    settings: { limits: { domains: 8, startsAtOnce: 4, startsWaiting: 200 } },
  })
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, i) => {
      const connection = daemon.connect()
      return run(connection, "mail", command("exit", String(i % 100)))
    }),
  )
  assert.deepEqual(
    results.map(({ result }) => result.exit),
    Array.from({ length: 200 }, (_, i) => ({ kind: "code", code: i % 100 })),
  )
  assert.equal(daemon.backend.calls.filter((call) => call.startsWith("prepare")).length, 1)
})

test("pause holds a domain up, refuses commands, and resume tells it the time first", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await run(connection, "mail", command("true"), { isDisposable: false })
  await connection.call(ADMIN.pause, { domain: "mail" }).result
  await assert.rejects(
    run(connection, "mail", command("true"), { isDisposable: false }),
    failsWith("wrong-state", /"mail" is paused: "skerry resume mail"/),
  )
  await connection.call(ADMIN.resume, { domain: "mail" }).result
  await run(connection, "mail", command("true"), { isDisposable: false })
  assert.deepEqual(daemon.record.told.slice(-2), ["setClock", "exec true"])
})

test("signals and sizes reach the command", async () => {
  await using daemon = await startTestDaemon()
  const started = Promise.withResolvers<void>()
  const spec = { ...command("sleep"), terminal: { rows: 24, columns: 80, type: "xterm" } }
  const call = daemon
    .connect()
    .call(
      ADMIN.run,
      { instance: "mail", isDisposable: true, command: spec },
      { onEvent: (event) => event.kind === "started" && started.resolve() },
    )
  await started.promise
  call.send({ kind: "resize", rows: 30, columns: 100 })
  call.stdout.once("data", (text) => {
    assert.equal(String(text), "30x100\n")
    call.send({ kind: "signal", signal: 15 })
  })
  assert.deepEqual(await call.result, { exit: { kind: "signal", signal: 15 } })
})

test("a client that goes away ends its command and its disposable", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  const started = Promise.withResolvers<void>()
  connection.call(
    ADMIN.run,
    { instance: "mail", isDisposable: true, command: command("sleep") },
    { onEvent: () => started.resolve() },
  )
  await started.promise
  const [domain] = [...daemon.backend.domains.values()]
  connection.close()
  await domain?.exited
  assert.deepEqual(daemon.record.told.at(-1), "cancelled sleep")
})

test("a reader that stops holds up its own command only", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  const started = Promise.withResolvers<void>()
  const before = process.memoryUsage().rss
  const stuck = connection.call(
    ADMIN.run,
    { instance: "mail", isDisposable: false, command: command("yes") },
    { onEvent: () => started.resolve() },
  )
  await started.promise
  for (let i = 0; i < 20; i++)
    await run(connection, "mail", command("cat"), { isDisposable: false, input: "x".repeat(1e6) })
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024)
  void stuck
})

test("an agent that breaks the protocol fails its domain, says so, and harms no other", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  daemon.backend.peers.push("garbage", "flood", "ends-at-once")
  await assert.rejects(
    run(connection, "mail", command("true")),
    failsWith("start-failed", /broke the protocol/),
  )
  await assert.rejects(
    run(connection, "mail", command("true")),
    failsWith("start-failed", /broke the protocol/),
  )
  await assert.rejects(
    run(connection, "mail", command("true")),
    failsWith("start-failed", /told to end at once/),
  )
  await run(connection, "mail", command("true"))
  const logs = await list<unknown, LogRow>(connection, ADMIN.logs as never, { domain: "mail", follow: false })
  assert.ok(
    logs.some(
      ({ kind, text }) => kind === "domain" && text.startsWith("failed: its agent broke the protocol"),
    ),
  )
})

test("a domain killed under its command is reported with its end", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  const started = Promise.withResolvers<string>()
  const call = connection.call(
    ADMIN.run,
    { instance: "mail", isDisposable: true, command: command("sleep") },
    { onEvent: (event) => event.kind === "started" && started.resolve(event.domain) },
  )
  const id = await started.promise
  daemon.backend.endDomain(id as never, { kind: "killed", signal: "SIGKILL" })
  await assert.rejects(call.result, failsWith("domain-failed", /was killed \(SIGKILL\)/))
})

test("a guest that powers itself off is reported as that", async () => {
  await using daemon = await startTestDaemon()
  // Whether it had answered before is a race here; either way it says what happened.
  await assert.rejects(run(daemon.connect(), "mail", command("poweroff")), /powered itself off/)
})

test("what a guest says about a failure reaches nobody's terminal as a control", async () => {
  await using daemon = await startTestDaemon()
  await assert.rejects(
    run(daemon.connect(), "mail", command("nonesuch")),
    failsWith("command-not-found", /no \\u001b\[31mnonesuch/),
  )
})

test("a start that fails in the backend fails its request with the reason, and the next is tried afresh", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  daemon.backend.prepareFaults.push({ kind: "fails", code: "image-altered" })
  daemon.backend.startFaults.push({ kind: "fails", code: "boot-timeout" })
  await assert.rejects(run(connection, "mail", command("true")), failsWith("start-failed", /image-altered/))
  await assert.rejects(run(connection, "mail", command("true")), failsWith("start-failed", /boot-timeout/))
  await run(connection, "mail", command("true"))
})

test("a start that nobody waits for any more is given up", async () => {
  await using daemon = await startTestDaemon()
  daemon.backend.startFaults.push({ kind: "hangs" })
  const giveUp = new AbortController()
  const connection = daemon.connect()
  const call = connection.call(
    ADMIN.run,
    { instance: "mail", isDisposable: true, command: command("true") },
    { signal: giveUp.signal, onEvent: () => giveUp.abort(new Error("enough")) },
  )
  await assert.rejects(call.result, /enough/)
  await daemon.daemon.end()
})

test("logs follow what happens until the reader has seen enough", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await run(connection, "mail", command("true"), { isDisposable: false })
  const enough = new AbortController()
  const call = connection.call(ADMIN.logs, { domain: "mail", follow: true }, { signal: enough.signal })
  let seen = ""
  const sawConsole = new Promise<void>((resolve) => {
    call.stdout.on("error", () => {})
    call.stdout.on("data", (chunk) => {
      seen += String(chunk)
      if (seen.includes("panic")) resolve()
    })
  })
  daemon.backend.domains.get("mail" as never)?.print("Kernel \u001b[5mpanic\n")
  await sawConsole
  assert.match(seen, /Kernel \\\\u001b\[5mpanic/)
  enough.abort()
  await assert.rejects(call.result)
})

test("a host clock that jumps is passed on to what runs", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await run(connection, "mail", command("true"), { isDisposable: false })
  daemon.wallOffsetMs = 3_600_000
  const told = async () => {
    while (!daemon.record.told.includes("setClock")) await new Promise(setImmediate)
  }
  await told()
  const [first = 0n, second = 0n] = daemon.record.clocks
  assert.ok(second - first >= 3_600_000_000_000n)
})
