import assert from "node:assert/strict"
import { test } from "node:test"
import * as op from "../client/operations.ts"
import { getlock, type LockRequest, lock, reclaimed } from "../client/operations-more.ts"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { OPEN } from "../codec/messages.ts"
import { connect } from "../conformance/session.ts"
import { memoryTree } from "./scripted-client.ts"
import { ServedTree } from "./served-tree.ts"

/** Two clients that have the same file open, perhaps since before the server was started anew. */
function twoClients(isAgain = false) {
  const served = new ServedTree(memoryTree())
  const maker = connect(served)
  maker.client.call(op.lcreate(0, "f", 0, 0o644))
  const open = () => {
    const connected = connect(served, { isAgain })
    const file = connected.walk(0, "f")
    connected.client.call(op.lopen(file, OPEN.readWrite))
    const ask = (type: LockRequest["type"], start = 0, length = 0, process = 1, fid = file) =>
      connected.client.call(lock(fid, { type, start: BigInt(start), length: BigInt(length), process }))
    const test = (type: LockRequest["type"], start = 0, length = 0, process = 1) =>
      connected.client.call(getlock(file, { type, start: BigInt(start), length: BigInt(length), process }))
    return { ...connected, file, ask, test }
  }
  return [open(), open()] as const
}

test("writers keep everybody out, readers only writers", () => {
  const [one, two] = twoClients()
  assert.equal(one.ask("read"), "granted")
  assert.equal(two.ask("read"), "granted")
  assert.equal(two.ask("write"), "blocked")
  assert.equal(one.ask("unlock"), "granted")
  assert.equal(two.ask("write"), "granted")
  assert.equal(one.ask("read"), "blocked")
})

test("clients are apart though they use the same numbers, and so are processes of one", () => {
  const [one, two] = twoClients()
  assert.equal(one.ask("write", 0, 10, 1), "granted")
  assert.equal(one.ask("write", 0, 10, 1), "granted")
  assert.equal(one.ask("write", 0, 10, 2), "blocked")
  assert.equal(two.ask("write", 0, 10, 1), "blocked")
})

test("ranges that do not meet are no matter, and 0 reaches to the end", () => {
  const [one, two] = twoClients()
  assert.equal(one.ask("write", 10, 10), "granted")
  assert.equal(two.ask("write", 0, 10), "granted")
  assert.equal(two.ask("write", 20, 0), "granted")
  assert.equal(one.ask("write", 1_000_000, 1), "blocked")
  assert.equal(two.ask("read", 19, 1), "blocked")
})

test("unlocking a part leaves the rest", () => {
  const [one, two] = twoClients()
  one.ask("write", 0, 30)
  assert.equal(one.ask("unlock", 10, 10), "granted")
  assert.equal(two.ask("write", 10, 10), "granted")
  assert.equal(two.ask("write", 9, 1), "blocked")
  assert.equal(two.ask("write", 20, 1), "blocked")
  // A part that becomes a reader's.
  assert.equal(one.ask("read", 0, 5), "granted")
  assert.equal(two.ask("read", 0, 5), "granted")
  assert.equal(two.ask("read", 5, 1), "blocked")
})

test("whoever asks is told what is in the way, and of another client nothing but the range", () => {
  const [one, two] = twoClients()
  one.ask("write", 5, 10, 42)
  const found = two.test("read", 0, 0)
  assert.deepEqual(found, { type: "write", start: 5n, length: 10n, process: 0 })
  assert.equal(one.test("read", 0, 0, 43).process, 42)
  assert.deepEqual(one.test("write", 1, 0, 42), { type: "unlock", start: 1n, length: 0n, process: 42 })
})

test("locks end with the fid that made them, and with their client", () => {
  const [one, two] = twoClients()
  const second = one.walk(0, "f")
  one.client.call(op.lopen(second, OPEN.readWrite))
  one.ask("write", 0, 10, 1, one.file)
  one.ask("write", 10, 10, 1, second)
  one.client.call(op.clunk(second))
  assert.equal(two.ask("write", 10, 10), "granted")
  assert.equal(two.ask("write", 0, 10), "blocked")
  one.session.close()
  assert.equal(two.ask("write", 0, 10), "granted")
})

test("locks need an open file, a kind that there is, and a range that ends", () => {
  const [one] = twoClients()
  const request = { type: "write", start: 0n, length: 0n, process: 1 } as const
  one.expectCode("EBADF", lock(0, request))
  one.expectCode("EINVAL", lock(one.file, { ...request, start: (1n << 64n) - 1n, length: 2n }))
  one.client.call(lock(one.file, { ...request, start: (1n << 64n) - 1n, length: 1n }))
})

test("a file has as many locks as it may, and is refused one more until one is gone", () => {
  const [one, two] = twoClients()
  for (let index = 0; index < NINEP_LIMITS.fileLocks; index++) {
    assert.equal(one.ask("write", index * 2, 1), "granted")
  }
  assert.equal(one.ask("write", 100_000, 1), "refused")
  assert.equal(two.ask("write", 100_000, 1), "refused")
  assert.equal(one.ask("unlock", 0, 1), "granted")
  assert.equal(two.ask("write", 100_000, 1), "granted")
  // One whole lock takes the place of all of them.
  assert.equal(two.ask("unlock", 0, 0), "granted")
  assert.equal(one.ask("write", 0, 0), "granted")
  assert.equal(one.ask("unlock", 5, 1), "granted")
})

test("a client has as many locks as it may, over all files", () => {
  const served = new ServedTree(memoryTree())
  const { client, walk, session } = connect(served)
  const perFile = NINEP_LIMITS.fileLocks
  const ask = (fid: number, start: number) =>
    client.call(lock(fid, { type: "read", start: BigInt(start), length: 1n, process: 1 }))
  for (let file = 0; file <= NINEP_LIMITS.locks / perFile; file++) {
    const fid = walk(0)
    client.call(op.lcreate(fid, `f${file}`, 0, 0o644))
    const isLast = file === NINEP_LIMITS.locks / perFile
    if (isLast) assert.equal(ask(fid, 0), "refused")
    else for (let index = 0; index < perFile; index++) assert.equal(ask(fid, index * 2), "granted")
  }
  session.close()
})

test("after a start anew nobody gets a lock before those of before have had theirs", () => {
  const [one, two] = twoClients(true)
  assert.equal(two.ask("write", 0, 10), "granted")
  two.client.call(reclaimed())
  // It is done, and the other one is not: whatever is asked now may be the other's.
  assert.equal(two.ask("write", 20, 10), "blocked")
  assert.equal(two.ask("unlock", 0, 5), "granted")
  assert.equal(one.ask("write", 20, 10), "granted")
  one.client.call(reclaimed())
  assert.equal(two.ask("write", 20, 10), "blocked")
  assert.equal(two.ask("write", 40, 10), "granted")
})

test("nobody waits for one that is gone, or has had time enough", () => {
  for (const end of ["close", "endReclaiming"] as const) {
    const [one, two] = twoClients(true)
    two.client.call(reclaimed())
    assert.equal(two.ask("read"), "blocked")
    one.session[end]()
    assert.equal(two.ask("read"), "granted")
  }
})
