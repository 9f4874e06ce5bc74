import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import type { Answer } from "../prompts/answer.ts"
import { callQuestion, confirmQuestion } from "../prompts/testing.ts"
import { type Entry, formatFile, parseFile, REMEMBERED } from "./entry.ts"
import { Remembered } from "./remembered.ts"

class Store implements Disposable {
  readonly state = mkdtempSync(join(tmpdir(), "skerry-remembered-"))
  readonly path = join(this.state, "remembered.json")
  readonly notices: string[] = []
  now = 1000
  open(): Remembered {
    return new Remembered({
      state: this.state,
      now: () => this.now,
      onNotice: (text) => this.notices.push(text),
    })
  }
  [Symbol.dispose](): void {
    rmSync(this.state, { recursive: true })
  }
}

const allow = (scope: "once" | "domain" | number, target = "work"): Answer => ({
  kind: "allow",
  target,
  scope: typeof scope === "number" ? { kind: "until", until: scope } : { kind: scope },
  by: "t",
})
const deny = (kind: "once" | "domain" | "never"): Answer => ({
  kind: "deny",
  scope: { kind },
  why: "user",
  by: "t",
})

test("an answer until a time outlives the daemon, in a file of the user's alone", async () => {
  using store = new Store()
  await store.open().add(callQuestion(), allow(2000), 1000)
  assert.equal(statSync(store.path).mode & 0o777, 0o600)
  const again = store.open()
  assert.deepEqual(again.find(callQuestion(), 1999), {
    kind: "allow",
    target: "work",
    scope: { kind: "until", until: 2000 },
    by: "remembered 1",
  })
  assert.equal(again.find(callQuestion(), 2000), undefined)
})

test("an answer counts for its source, service, argument and wish alone", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion(), allow(2000), 1000)
  for (const other of [
    { source: "bank" },
    { service: "qubes.OpenURL" },
    { argument: "x" },
    { requestedTarget: "work" },
  ]) {
    assert.equal(remembered.find(callQuestion(other), 1000), undefined, JSON.stringify(other))
  }
  assert.equal(
    remembered.find(confirmQuestion({ service: "qubes.Filecopy", operation: "", keeper: "@default" }), 1000),
    undefined,
  )
})

test("what the policy does not offer any more is not allowed by an older answer", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion(), allow(2000), 1000)
  assert.equal(remembered.find(callQuestion({ targets: ["vault"] }), 1000), undefined)
})

test("a confirmation is remembered for its keeper, source, service and operation, not for its words", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(confirmQuestion(), allow(2000, "vault"), 1000)
  assert.equal(remembered.find(confirmQuestion({ title: "Sign another", details: [] }), 1000)?.kind, "allow")
  assert.equal(remembered.find(confirmQuestion({ operation: "decrypt" }), 1000), undefined)
  assert.equal(remembered.find(confirmQuestion({ keeper: "other" }), 1000), undefined)
  assert.equal(remembered.find(confirmQuestion({ rememberable: false }), 1000), undefined)
})

test("once is not remembered, and neither is what nobody said", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion(), allow("once"), 1000)
  await remembered.add(callQuestion(), deny("once"), 1000)
  await remembered.add(
    callQuestion(),
    { kind: "deny", scope: { kind: "never" }, why: "timeout", by: "" },
    1000,
  )
  assert.deepEqual(remembered.list(1000), [])
  assert.deepEqual(readdirSync(store.state), [])
})

test("an answer for a domain's life ends with it, and is in no file", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion(), allow("domain"), 1000)
  await remembered.add(callQuestion({ source: "bank" }), allow("domain"), 1000)
  await remembered.add(callQuestion({ argument: "x" }), deny("never"), 1000)
  assert.equal(JSON.parse(readFileSync(store.path, "utf8")).entries.length, 1)
  remembered.domainEnded("mail", false)
  assert.deepEqual(
    remembered.list(1000).map(({ source, scope }) => `${source} ${scope}`),
    ["bank domain", "mail never"],
  )
})

test("of a disposable nothing is kept", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion({ source: "pdf-x7k2q9" }), deny("never"), 1000)
  remembered.domainEnded("pdf-x7k2q9", true)
  await remembered.end()
  assert.deepEqual(store.open().list(1000), [])
})

test("the latest answer to a question counts", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion(), allow(5000), 1000)
  await remembered.add(callQuestion(), deny("never"), 1001)
  assert.equal(remembered.find(callQuestion(), 1002)?.kind, "deny")
  assert.equal(remembered.list(1002).length, 1)
})

test("revoked answers do not count, nor after a new start; a number is not given twice", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion(), allow(5000), 1000)
  await remembered.add(callQuestion({ argument: "x" }), allow("domain"), 1000)
  assert.deepEqual(
    (await remembered.revoke([1])).map(({ id }) => id),
    [1],
  )
  assert.equal(remembered.find(callQuestion(), 1000), undefined)
  const again = store.open()
  assert.equal(again.find(callQuestion(), 1000), undefined)
  await again.add(callQuestion(), allow(5000), 1000)
  assert.equal(again.list(1000)[0]?.id, 3)
  assert.equal((await again.revoke([])).length, 1)
  assert.deepEqual(again.list(1000), [])
})

test("a damaged file is set aside, said, and grants nothing", async () => {
  using store = new Store()
  await store.open().add(callQuestion(), allow(5000), 1000)
  const good = readFileSync(store.path, "utf8")
  const damages = [
    good.slice(0, -20),
    good.replace('"work"', '"work", "extra": 1'),
    good.replace('"until": 5000', '"until": -1'),
    good.replace('"allow"', '"maybe"'),
    good.replace('"version": 1', '"version": 2'),
    good.replace('"until"', '"never"'),
    "",
    "null",
    "[]",
    `${good}${good}`,
  ]
  for (const [index, damaged] of damages.entries()) {
    assert.notEqual(damaged, good)
    writeFileSync(store.path, damaged)
    store.now = 10_000 + index
    const remembered = store.open()
    assert.deepEqual(remembered.list(1000), [], damaged)
    assert.equal(store.notices.length, index + 1)
    assert.equal(readFileSync(`${store.path}.damaged-${store.now}`, "utf8"), damaged)
  }
})

test("so many answers are remembered, and no more", async () => {
  using store = new Store()
  const remembered = store.open()
  for (let index = 0; index < REMEMBERED.entries; index++) {
    await remembered.add(callQuestion({ argument: String(index) }), allow("domain"), 1000)
  }
  assert.deepEqual(store.notices, [])
  await remembered.add(callQuestion({ argument: "more" }), allow("domain"), 1000)
  assert.equal(store.notices.length, 1)
  assert.equal(remembered.find(callQuestion({ argument: "more" }), 1000), undefined)
  await remembered.add(callQuestion({ argument: "7" }), deny("domain"), 1000)
  assert.equal(remembered.find(callQuestion({ argument: "7" }), 1000)?.kind, "deny")
})

test("where the file cannot be written, revoking says so, and an answer counts until the daemon ends", async () => {
  using store = new Store()
  const remembered = store.open()
  await remembered.add(callQuestion(), allow(5000), 1000)
  mkdirSync(join(store.state, ".remembered.json.new"))
  await assert.rejects(remembered.revoke([1]), /^DaemonError: Cannot forget for good: /)
  assert.equal(remembered.find(callQuestion(), 1000), undefined)
  await remembered.add(callQuestion(), allow(5000), 1000)
  assert.match(store.notices.join(), /^a remembered answer will not outlive the daemon: EISDIR/)
  assert.equal(remembered.find(callQuestion(), 1000)?.kind, "allow")
})

test("a file reads back as what was written, at the limit of entries and not over it", () => {
  const entry = (id: number): Entry => ({
    id,
    kind: "call",
    verdict: "allow",
    source: "mail",
    service: "s",
    argument: String(id),
    requestedTarget: "",
    target: "work",
    scope: { kind: "until", until: 5 },
    answeredAt: 1,
    answeredBy: "t",
  })
  const entries = Array.from({ length: REMEMBERED.entries }, (_, id) => entry(id))
  assert.deepEqual(parseFile(formatFile(9999, entries)), { nextId: 9999, entries })
  assert.equal(parseFile(formatFile(9999, [...entries, entry(9000)])), undefined)
  assert.equal(parseFile(formatFile(2, [entry(1), entry(1)])), undefined, "a number twice")
  assert.equal(parseFile(formatFile(1, [entry(1)])), undefined, "a number that comes yet")
})
