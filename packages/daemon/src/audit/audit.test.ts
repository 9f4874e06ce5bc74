import assert from "node:assert/strict"
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { auditDirectory, filePath, headPath, keyPath, listFiles } from "./files.ts"
import { LINE_BYTES, TEXT_CHARACTERS } from "./limits.ts"
import { decision, readAll, TestLog, verified } from "./testing.ts"

test("records come back as they were appended, numbered, with their time, between start and end", async () => {
  await using log = new TestLog()
  const audit = log.open()
  audit.append(decision())
  audit.append({ kind: "call-end", call: "c1", bytesUp: 5, bytesDown: 7, durationMs: 12, exit: "0" })
  await audit.end()
  const rows = (await readAll(log.open())).map(({ time, key, continues, ...row }) => row)
  assert.deepEqual(rows.slice(1, 5), [
    { seq: 2, kind: "start" },
    { seq: 3, ...decision() },
    { seq: 4, kind: "call-end", call: "c1", bytesUp: 5, bytesDown: 7, durationMs: 12, exit: "0" },
    { seq: 5, kind: "end" },
  ])
})

test("log, head and key are the user's alone", async () => {
  await using log = new TestLog()
  await log.withCalls(1)
  assert.equal(statSync(auditDirectory(log.state)).mode & 0o777, 0o700)
  for (const path of [log.path, headPath(log.state), keyPath(log.state)]) {
    assert.equal(statSync(path).mode & 0o777, 0o600, path)
  }
  assert.deepEqual(readdirSync(auditDirectory(log.state)), ["000001.jsonl", "head"])
})

test("what a guest sent is bounded, and does nothing to a terminal that shows the file", async () => {
  await using log = new TestLog()
  const audit = log.open()
  audit.append(decision({ argument: "\u001b]0;x\u0007\n\u202e\u200b✓\u009b" }))
  audit.append(decision({ argument: "a".repeat(60_000), service: `"},{"seq":1,"mac":"` }))
  const everything = "\u0000".repeat(70_000)
  audit.append({
    kind: "prompt",
    call: everything,
    source: everything,
    service: everything,
    argument: everything,
    requestedTarget: everything,
    target: everything,
    rule: everything,
    why: everything,
    answeredBy: everything,
    scope: everything,
    exit: everything,
    note: everything,
  })
  await audit.flush()
  assert.match(readFileSync(log.path, "latin1"), /^[ -~\n]*$/)
  for (const line of log.lines) assert.ok(line.length < LINE_BYTES, String(line.length))
  const rows = await readAll(audit)
  assert.equal(rows[2]?.argument, "\u001b]0;x\u0007\n\u202e\u200b✓\u009b")
  assert.match(
    rows[3]?.argument ?? "",
    new RegExp(`^a{${TEXT_CHARACTERS}}… \\(60000 characters, SHA-256 [0-9a-f]{16}…\\)$`),
  )
  assert.deepEqual((await verified(audit)).problems, [])
})

test("a torn last line is cut, and a record says so", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  const good = readFileSync(log.path, "utf8")
  writeFileSync(log.path, `${good}{"seq":8,"time":17`)
  const audit = log.open()
  const { problems } = await verified(audit)
  assert.deepEqual(problems, [])
  const repair = (await readAll(audit)).find(({ kind }) => kind === "repair")
  assert.equal(repair?.note, "a last line of 18 bytes was cut: it had not been written to its end")
})

test("a daemon that was killed leaves a log that goes on: records after the head count, too", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  const head = readFileSync(headPath(log.state))
  await log.withCalls(1000)
  writeFileSync(headPath(log.state), head) // as if nothing had been synced since
  const audit = log.open()
  assert.deepEqual((await verified(audit)).problems, [])
  assert.deepEqual(log.notices, [])
})

test("killed while a file was begun, the log goes on in the next", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  writeFileSync(filePath(log.state, 2), "")
  const audit = log.open()
  assert.deepEqual((await verified(audit)).problems, [])
  assert.deepEqual(listFiles(log.state), [1, 2, 3])
})

test("a log that does not go on from its head is said to be, and a new file is begun", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  log.lines = log.lines.slice(0, 4)
  const audit = log.open()
  audit.append(decision())
  await audit.flush()
  assert.match(log.notices.join(), /the log does not go on from record 6/)
  assert.deepEqual(listFiles(log.state), [1, 2])
  assert.ok(audit.isHealthy)
})

test("a whole log that was taken away is noticed by its key", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  rmSync(auditDirectory(log.state), { recursive: true })
  log.open()
  assert.match(log.notices.join(), /the head was missing: records may be, too/)
})

test("the oldest file is removed when there are too many, and the log stays whole", async () => {
  await using log = new TestLog()
  const limits = { fileBytes: 4000, files: 3 }
  await log.withCalls(100, limits)
  const files = listFiles(log.state)
  assert.equal(files.length, 3)
  assert.ok((files[0] ?? 0) > 1)
  const audit = log.open(limits)
  const { problems, summary } = await verified(audit)
  assert.deepEqual(problems, [])
  assert.ok(summary.firstSeq > 1)
  rmSync(filePath(log.state, files[0] ?? 0))
  assert.match((await verified(audit)).problems.join(), /records \d+ to \d+ are missing/)
})

test("where nothing can be written, the log says so, keeps what it can, and recovers", async () => {
  await using log = new TestLog()
  await log.withCalls(1)
  const audit = log.open({ fileBytes: 100, pendingBytes: 8000, retryMs: 10 })
  // A directory in the place of the next file: writing it fails as it does on a full disk.
  mkdirSync(filePath(log.state, 2))
  await audit.flush()
  assert.equal(audit.isHealthy, false)
  assert.match(audit.problem ?? "", /EEXIST/)
  for (let index = 0; index < 100; index++) audit.append(decision())
  await audit.flush()
  assert.match(audit.problem ?? "", /EEXIST/)
  rmdirSync(filePath(log.state, 2))
  while (!audit.isHealthy) await audit.changed(AbortSignal.timeout(5000))
  const { problems, summary } = await verified(audit)
  assert.deepEqual(problems, [])
  const repair = (await readAll(audit)).findLast(({ kind }) => kind === "repair")
  assert.match(repair?.note ?? "", /could not be written for a while .*; [1-9]\d records were lost$/)
  assert.ok(summary.records < 80)
})

test("records that wait for the disk are bounded, and calls are to be refused before any is lost", async () => {
  await using log = new TestLog()
  const audit = log.open({ pendingBytes: 10_000 })
  let count = 0
  while (audit.isHealthy) {
    audit.append(decision())
    count += 1
  }
  assert.ok(count < 25, String(count))
  assert.match(audit.problem ?? "", /does not keep up/)
})

test("filters: by source, service, target, time; what follows of a call comes with it", async () => {
  await using log = new TestLog()
  const audit = log.open()
  audit.append(decision({ call: "a" }))
  audit.append(
    decision({
      call: "b",
      source: "bank",
      service: "qubes.OpenURL",
      target: "vault",
      requestedTarget: "@default",
    }),
  )
  log.now += 1000
  audit.append({ kind: "call-end", call: "a", exit: "0" })
  audit.append({ kind: "call-end", call: "b", exit: "1" })
  const found = async (filter: Parameters<typeof readAll>[1]) =>
    (await readAll(audit, filter)).map(({ kind, call }) => `${kind} ${call}`)
  assert.deepEqual(await found({ source: "bank" }), ["decision b", "call-end b"])
  assert.deepEqual(await found({ service: "qubes.Filecopy" }), ["decision a", "call-end a"])
  assert.deepEqual(await found({ target: "vault" }), ["decision b", "call-end b"])
  assert.deepEqual(await found({ target: "@default" }), ["decision b", "call-end b"])
  assert.deepEqual(await found({ since: log.now }), ["call-end a", "call-end b"])
  assert.deepEqual(await found({ source: "nobody" }), [])
})

test("what is too old is left out, file by file", async () => {
  await using log = new TestLog()
  const audit = log.open({ fileBytes: 3000 })
  for (let index = 0; index < 40; index++) {
    log.now += 1000
    audit.append(decision({ call: `c${index}` }))
  }
  const since = log.now - 5000
  assert.deepEqual(
    (await readAll(audit, { since, service: "qubes.Filecopy" })).map(({ call }) => call),
    ["c34", "c35", "c36", "c37", "c38", "c39"],
  )
  assert.ok(listFiles(log.state).length > 3)
})

test("a reader that follows sees each record as it comes, into the next file", async () => {
  await using log = new TestLog()
  const audit = log.open({ fileBytes: 2000 })
  const stop = new AbortController()
  const seen: string[] = []
  const any = { source: "", target: "", service: "qubes.Filecopy", since: 0 }
  const following = (async () => {
    for await (const row of audit.read(any, true, stop.signal)) {
      seen.push(row.call ?? "")
      if (seen.length === 30) stop.abort()
      else audit.append(decision({ call: `c${seen.length}` }))
    }
  })()
  audit.append(decision({ call: "c0" }))
  await following
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, index) => `c${index}`),
  )
  assert.ok(listFiles(log.state).length > 2)
})

test("a line that is none is said to be, and the rest is read", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  log.lines = log.lines.with(3, "{}")
  const rows = await readAll(log.open())
  assert.match(rows[3]?.note ?? "", /^line 4 of 000001\.jsonl is no record/)
  assert.equal(rows[4]?.call, "c2")
})

test("where the log cannot be opened, the error says so", async () => {
  await using log = new TestLog()
  writeFileSync(join(log.state, "audit"), "")
  assert.throws(() => log.open(), /^Error: Cannot open the audit log in .*: EEXIST/)
})
