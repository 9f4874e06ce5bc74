import assert from "node:assert/strict"
import { copyFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { filePath, headPath, keyPath, listFiles } from "./files.ts"
import { AuditKey, formatLine, NO_MAC, parseLine } from "./line.ts"
import { TestLog, verified } from "./testing.ts"

const SMALL = { fileBytes: 4000 }

test("a log that nobody touched is whole, over several files and starts", async () => {
  await using log = new TestLog()
  await log.withCalls(50, SMALL)
  await log.withCalls(5, SMALL)
  assert.ok(listFiles(log.state).length > 3)
  const { problems, summary } = await verified(log.open(SMALL))
  assert.deepEqual(problems, [])
  assert.equal(summary.firstSeq, 1)
  assert.equal(summary.records, summary.lastSeq)
})

test("a changed record is found, whatever was changed in it", async () => {
  await using log = new TestLog()
  await log.withCalls(5)
  const good = log.lines
  for (const [from, to] of [
    ['"allow"', '"deny"'],
    ['"mail"', '"bank"'],
    ['"time":17', '"time":16'],
    ['"decision",', '"decision", '],
    ['"kind"', '"Kind"'],
  ] as const) {
    const line = good[3] ?? ""
    assert.ok(line.includes(from))
    log.lines = good.with(3, line.replace(from, to))
    assert.match(
      (await log.problems()).join(),
      /^000001\.jsonl:4: (record 4 was changed|this line is no record)/,
      from,
    )
  }
})

test("a forged record is found, with a MAC of its own or of a key of one's own", async () => {
  await using log = new TestLog()
  await log.withCalls(5)
  const good = log.lines
  const forger = new AuditKey(Buffer.alloc(32))
  const before = parseLine(good[2] ?? "")?.mac ?? NO_MAC
  const forged = formatLine(forger, before, 4, log.now, { kind: "decision", verdict: "allow" }).line.trimEnd()
  log.lines = good.with(3, forged)
  assert.deepEqual(await log.problems(), [
    "000001.jsonl:4: record 4 was changed",
    "000001.jsonl:5: record 5 was changed",
  ])
  log.lines = [
    ...good,
    formatLine(forger, parseLine(good.at(-1) ?? "")?.mac ?? NO_MAC, good.length + 1, 0, {
      kind: "end",
    }).line.trimEnd(),
  ]
  assert.match((await log.problems()).join(), /record 9 was changed/)
})

test("whatever byte is changed, a problem is found", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  const good = readFileSync(log.path)
  for (let at = 0; at < good.length; at += 3) {
    const bytes = Buffer.from(good)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    writeFileSync(log.path, bytes)
    const { length } = await log.problems()
    assert.ok(length > 0, `byte ${at}, ${JSON.stringify(String.fromCharCode(good[at] ?? 0))}`)
  }
  writeFileSync(log.path, good)
  assert.deepEqual(await log.problems(), [])
})

test("removed records are named", async () => {
  await using log = new TestLog()
  await log.withCalls(9)
  const good = log.lines
  log.lines = good.toSpliced(4, 1)
  assert.deepEqual(await log.problems(), [
    "000001.jsonl:5: record 5 is missing before record 6, which cannot be checked without",
  ])
  log.lines = good.toSpliced(4, 3)
  assert.deepEqual(await log.problems(), [
    "000001.jsonl:5: records 5 to 7 are missing before record 8, which cannot be checked without",
  ])
})

test("records that changed places are found, and one that stands twice", async () => {
  await using log = new TestLog()
  await log.withCalls(9)
  const good = log.lines
  const [four = "", five = ""] = good.slice(3, 5)
  log.lines = good.with(3, five).with(4, four)
  assert.deepEqual((await log.problems()).slice(0, 2), [
    "000001.jsonl:4: record 4 is missing before record 5, which cannot be checked without",
    "000001.jsonl:5: record 4 stands where 6 belongs",
  ])
  log.lines = good.toSpliced(4, 0, four)
  assert.deepEqual(await log.problems(), ["000001.jsonl:5: record 4 stands where 5 belongs"])
})

test("records cut off the end are found by the head, also within a line", async () => {
  await using log = new TestLog()
  await log.withCalls(9)
  const good = log.lines
  log.lines = good.slice(0, -3)
  assert.deepEqual(await log.problems(), ["000001.jsonl: records 10 to 12 are missing at the end"])
  log.lines = good
  assert.deepEqual(await log.problems(), [])
  truncateSync(log.path, readFileSync(log.path).length - 20)
  assert.deepEqual(await log.problems(), ["000001.jsonl: record 12 is missing at the end"])
})

test("what was cut off the end stays visible after the daemon has gone on", async () => {
  await using log = new TestLog()
  await log.withCalls(9)
  log.lines = log.lines.slice(0, -3)
  const { problems } = await verified(log.open())
  assert.deepEqual(problems, [
    "000002.jsonl:1: records 10 to 12 are missing before record 13, which cannot be checked without",
  ])
})

test("a running daemon's log that is cut or taken away under it is found", async () => {
  await using log = new TestLog()
  await log.withCalls(9)
  const audit = log.open()
  await audit.flush()
  const good = log.lines
  log.lines = good.slice(0, -1)
  assert.deepEqual((await verified(audit)).problems, ["000001.jsonl: record 13 is missing at the end"])
  rmSync(log.path)
  assert.match((await verified(audit)).problems.join(), /records 1 to 13 are missing at the end/)
})

test("a head that was changed, is damaged or missing is said", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  const head = readFileSync(headPath(log.state), "utf8")
  for (const [damaged, expected] of [
    [head.replace('"seq":6', '"seq":5'), /^head: the head was changed/],
    [head.slice(0, -9), /^head: the head is damaged/],
    ["", /^head: the head is damaged/],
  ] as const) {
    assert.notEqual(damaged, head)
    writeFileSync(headPath(log.state), damaged)
    assert.match((await log.problems()).join(), expected)
  }
  rmSync(headPath(log.state))
  assert.deepEqual(await log.problems(), ["head: the head is missing"])
})

test("files that are missing, swapped or of another log are found", async () => {
  await using log = new TestLog()
  await log.withCalls(60, SMALL)
  const path = (number: number) => filePath(log.state, number)
  const audit = log.open(SMALL)
  const problems = async () => (await verified(audit)).problems.join("\n")
  assert.equal(await problems(), "")
  renameSync(path(2), `${path(2)}.away`)
  assert.match(await problems(), /^000003\.jsonl:1: records \d+ to \d+ are missing before record \d+/)
  copyFileSync(path(3), path(2))
  assert.match(await problems(), /^000002\.jsonl:1: this is file 000003\.jsonl under another name/)
  renameSync(`${path(2)}.away`, path(2))
  renameSync(path(1), `${path(1)}.away`)
  assert.match(await problems(), /^000001\.jsonl: records 1 to \d+ are missing$/)
  await using other = new TestLog()
  await other.withCalls(60, SMALL)
  copyFileSync(filePath(other.state, 1), path(1))
  assert.match(await problems(), /^000001\.jsonl:1: written with a key that is not here any more/)
  renameSync(`${path(1)}.away`, path(1))
  assert.equal(await problems(), "")
})

test("bytes added to a file that is closed are found", async () => {
  await using log = new TestLog()
  await log.withCalls(60, SMALL)
  const path = filePath(log.state, 2)
  const good = readFileSync(path)
  writeFileSync(path, Buffer.concat([good, Buffer.from("x")]))
  assert.match((await log.problems()).join(), /^000002\.jsonl:\d+: this line is no record/)
  writeFileSync(path, Buffer.concat([good, Buffer.alloc(200_000, "y"), Buffer.from("\n")]))
  assert.match((await log.problems()).join(), /^000002\.jsonl:\d+: this line is no record/)
})

test("an older copy of log and head together looks whole, but not to whoever wrote down a later record", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  const early = [log.lines, readFileSync(headPath(log.state), "utf8")] as const
  await log.withCalls(3)
  const { summary } = await verified(log.open())
  const anchor = { seq: summary.lastSeq, mac: summary.head }
  log.lines = early[0]
  writeFileSync(headPath(log.state), early[1])
  const audit = log.open()
  assert.deepEqual((await verified(audit)).problems, [])
  assert.deepEqual((await verified(audit, anchor)).problems, [
    `000001.jsonl: record ${anchor.seq}, which was written down, is missing`,
  ])
  for (let index = 0; index < 20; index++) audit.append({ kind: "decision" })
  assert.match((await verified(audit, anchor)).problems.join(), /another one than was written down/)
})

test("a log whose key is lost is said to be one that cannot be checked, and a new one goes on", async () => {
  await using log = new TestLog()
  await log.withCalls(3)
  rmSync(keyPath(log.state))
  const audit = log.open()
  audit.append({ kind: "decision" })
  const { problems } = await verified(audit)
  assert.equal(log.notices.length, 1)
  assert.match(log.notices[0] ?? "", /the key was missing/)
  assert.deepEqual(problems, [
    "000001.jsonl:1: written with a key that is not here any more: it cannot be checked",
  ])
})
