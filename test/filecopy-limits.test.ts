import assert from "node:assert/strict"
import { readdirSync, rmSync } from "node:fs"
import { test } from "node:test"
import { FILECOPY_LIMITS, QFILE_ERRNO } from "../packages/services/src/filecopy/qfile.ts"
import { parseQuota } from "../packages/services/src/filecopy/quota.ts"
import { directory, END, entry, Home, link } from "../packages/services/src/filecopy/scripted-sender.ts"

test("the quota on entries holds at its number", async () => {
  using home = new Home()
  const entries = (count: number) => [
    ...Array.from({ length: count }, (_, at) => entry({ name: `f${at}` })),
    END,
  ]
  assert.equal((await home.receive(entries(100), { quota: "entries=100" })).errno, 0)
  rmSync(home.incoming, { recursive: true })
  assert.equal((await home.receive(entries(101), { quota: "entries=100" })).errno, QFILE_ERRNO.quota)
  assert.equal(readdirSync(home.incoming).length, 100)
})

test("the quota on bytes holds at its number, before anything of the file is read", async () => {
  using home = new Home()
  const quota = "bytes = 1000 # of the test"
  assert.equal(
    (await home.receive([entry({ name: "a", content: Buffer.alloc(1000) }), END], { quota })).errno,
    0,
  )
  assert.equal((await home.receive([entry({ name: "b", bytes: 1001n })], { quota })).errno, QFILE_ERRNO.quota)
  assert.equal(
    (await home.receive([entry({ name: "b", bytes: 2n ** 64n - 1n })], { quota })).errno,
    QFILE_ERRNO.quota,
  )
})

test("ten million entries end at the quota, with bounded memory", async () => {
  using home = new Home()
  function* stream(): Generator<Buffer> {
    // The same directory again and again: entries without files, so that the disk is not what is tested.
    const pair = Buffer.concat([directory("d"), directory("d")])
    const block = Buffer.concat(Array.from({ length: 500 }, () => pair))
    for (let sent = 0; sent < 10_000_000; sent += 1000) yield block
    yield END
  }
  const before = process.memoryUsage.rss()
  const { errno } = await home.receive(stream(), { quota: "entries=50000" })
  assert.equal(errno, QFILE_ERRNO.quota)
  assert.ok(process.memoryUsage.rss() - before < 100_000_000)
})

test("a path may be as deep as the limit, and no deeper", async () => {
  using home = new Home()
  const path = (depth: number) => Array.from({ length: depth }, () => "d")
  const stream = (depth: number) => [...path(depth).map((_, at) => directory(path(at + 1).join("/"))), END]
  assert.equal((await home.receive(stream(FILECOPY_LIMITS.depth))).errno, 0)
  assert.equal((await home.receive(stream(FILECOPY_LIMITS.depth + 1))).errno, QFILE_ERRNO["too-deep"])
})

test("symlinks that wait are as many as the limit", async () => {
  using home = new Home()
  function* stream(count: number): Generator<Buffer> {
    yield directory("d")
    for (let at = 0; at < count; at++) yield link(`d/l${at}`, "x")
    if (count > FILECOPY_LIMITS.linksWaiting) yield END
    // Not ended: so the ones below the limit need not be made.
  }
  assert.equal((await home.receive(stream(FILECOPY_LIMITS.linksWaiting))).errno, QFILE_ERRNO.cut)
  assert.equal((await home.receive(stream(FILECOPY_LIMITS.linksWaiting + 1))).errno, QFILE_ERRNO.quota)
})

test("a quota that cannot be read is no quota at all", () => {
  for (const text of ["entries=-1", "entries=1e9", "files=3", "entries", "bytes=9999999999999999"]) {
    assert.throws(() => parseQuota(text), { code: "write-failed" }, text)
  }
  assert.deepEqual(parseQuota("# none\nentries = 5\n"), { entries: 5, bytes: 100_000_000_000 })
})
