import assert from "node:assert/strict"
import { test } from "node:test"
import * as op from "../client/operations.ts"
import * as more from "../client/operations-more.ts"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { OPEN } from "../codec/messages.ts"
import { connect } from "../conformance/session.ts"
import { FileError, TREE_LIMITS } from "../file-tree.ts"
import { attached, memoryTree, numbersRequest } from "./scripted-client.ts"
import { ServedTree } from "./served-tree.ts"

const serve = () => {
  const tree = memoryTree()
  return { tree, served: new ServedTree(tree) }
}
const READ_WRITE = OPEN.readWrite

test("a client that opens 100,000 files is told when it has enough, and others are unharmed", () => {
  const { tree, served } = serve()
  const [greedy, other] = [connect(served), connect(served)]
  const file = greedy.walk(0)
  greedy.client.call(op.lcreate(file, "f", READ_WRITE, 0o644))
  greedy.client.call(op.clunk(file))
  const results = new Map<string, number>()
  for (let fid = 1; fid <= 100_000; fid++) {
    greedy.client.send(op.walk(0, fid, ["f"]), () => {})
    greedy.client.send(op.lopen(fid, 0), (result) => {
      const key = result instanceof FileError ? result.code : "open"
      results.set(key, (results.get(key) ?? 0) + 1)
    })
  }
  greedy.client.finish()
  const most = NINEP_LIMITS.openFids
  assert.deepEqual(
    [...results],
    [
      ["open", most],
      ["EMFILE", 100_000 - most],
    ],
  )
  const found = other.walk(0, "f")
  other.client.call(op.lopen(found, READ_WRITE))
  assert.equal(other.client.call(op.write(found, 0, Buffer.from("x"))), 1)
  // One less, one more.
  greedy.client.call(op.clunk(1))
  greedy.client.call(op.lopen(100_000, 0))
  greedy.session.close()
  other.session.close()
  assert.equal(tree.holds, 0)
})

test("a client has as many fids as it may, and not one more", () => {
  const { tree, served } = serve()
  const { client, session, expectCode } = connect(served)
  let failures = 0
  for (let fid = 1; fid < NINEP_LIMITS.fids; fid++) {
    client.send(op.walk(0, fid, []), (result) => {
      if (result instanceof FileError) failures += 1
    })
  }
  client.finish()
  assert.equal(failures, 0)
  assert.equal(session.fids, NINEP_LIMITS.fids)
  const next = NINEP_LIMITS.fids
  expectCode("EMFILE", op.walk(0, next, []))
  expectCode("EMFILE", op.attach(next, "tree", 0))
  expectCode("EMFILE", more.xattrwalk(0, next, ""))
  client.call(op.clunk(1))
  client.call(op.walk(0, next, []))
  session.close()
  assert.equal(tree.holds, 0)
})

test("offsets beyond what files have are an end to readers, and too far for writers", () => {
  const { client, walk, expectCode } = connect(serve().served)
  const file = walk(0)
  client.call(op.lcreate(file, "f", READ_WRITE, 0o644))
  client.call(op.write(file, 0, Buffer.from("content")))
  const last = BigInt(TREE_LIMITS.fileBytes)
  for (const offset of [7n, last - 1n, last, last + 1n, (1n << 62n) + 1n, (1n << 63n) - 2048n]) {
    assert.equal(client.call(op.read(file, offset, 10)).length, 0, `${offset}`)
  }
  for (const offset of [1n << 63n, (1n << 63n) + 1n, (1n << 64n) - 1n]) {
    expectCode("EINVAL", op.read(file, offset, 10))
    expectCode("EINVAL", op.write(file, offset, Buffer.from("x")))
    expectCode("EINVAL", op.setattr(file, { size: offset }))
  }
  for (const offset of [last, 1n << 60n]) {
    expectCode("EFBIG", op.write(file, offset, Buffer.from("x")))
    expectCode("EFBIG", op.setattr(file, { size: offset + 1n }))
  }
  assert.equal(client.call(op.getattr(file)).size, 7)
})

test("a read gives as much as a message holds, however much is asked for", () => {
  const { client, walk } = connect(serve().served, { messageBytes: 8192 })
  const file = walk(0)
  client.call(op.lcreate(file, "f", READ_WRITE, 0o644))
  for (let at = 0; at < 40_000; at += 8000) client.call(op.write(file, at, Buffer.alloc(8000, "x")))
  assert.equal(client.call(op.read(file, 0, 0xffff_ffff)).length, 8192 - 11)
  assert.equal(client.call(op.read(file, 0, 0)).length, 0)
})

test("offsets that a reader of directories makes up lead nowhere else", () => {
  const { client, walk, expectCode } = connect(serve().served)
  for (let index = 0; index < 10; index++) client.call(op.mkdir(0, `d${index}`, 0o755))
  const fid = walk(0)
  client.call(op.lopen(fid, 0))
  const most = 1n << 63n
  for (const offset of [1n, 5n, 11n, 1n << 40n, most - 4n, most - 1n, most, most + 5n, (1n << 64n) - 1n]) {
    const entries = client.call(op.readdir(fid, offset, 60_000))
    assert.ok(entries.every(({ name }) => /^d\d$/.test(name)))
  }
  assert.equal(client.call(op.readdir(fid, most - 2n, 60_000)).length, 11)
  assert.equal(client.call(op.readdir(fid, most - 3n, 60_000)).length, 10)
  for (const count of [0, 1, 24]) expectCode("EINVAL", op.readdir(fid, 0n, count))
  assert.equal(client.call(op.readdir(fid, 0n, 25)).length, 1)
  expectCode("EBADF", op.readdir(0, 0n, 1000))
})

test("a client that takes no answers is not listened to, and loses nothing", () => {
  const scene = attached(memoryTree(), NINEP_LIMITS.leastMessageBytes)
  const getattr = (tag: number) => numbersRequest(24, [0, 0x7ff, 0], tag)
  let sent = 0
  while (scene.session.wantsInput && sent < 10_000) scene.session.receive(getattr(sent++))
  assert.ok(sent > 100 && sent < 1000, `${sent} requests before it was full`)
  // What had come by then is kept and handled later, though it comes in pieces.
  const late = Buffer.concat([getattr(sent), getattr(sent + 1)])
  scene.session.receive(late.subarray(0, 30))
  scene.session.receive(late.subarray(30))
  let answers = 0
  for (let round = 0; round < 10; round++) {
    scene.session.endTurn()
    const pending = scene.session.pending()
    answers += pending.length / 160
    scene.session.taken(pending.length)
    if (!scene.session.wantsInput) scene.session.resume()
  }
  assert.equal(answers, sent + 2)
})

test("values of extended attributes are held up to the limit, and one byte more is not", () => {
  const { tree, served } = serve()
  const { client, session, walk, expectCode } = connect(served)
  expectCode("ENOSPC", more.xattrcreate(walk(0), "user.x", TREE_LIMITS.attributeBytes + 1, 0))
  expectCode("ENOSPC", more.xattrcreate(walk(0), "user.x", Number.MAX_SAFE_INTEGER, 0))
  const most = NINEP_LIMITS.attributeBytes / TREE_LIMITS.attributeBytes
  const fids = Array.from({ length: most }, () => walk(0))
  for (const fid of fids) client.call(more.xattrcreate(fid, "user.x", TREE_LIMITS.attributeBytes, 0))
  const last = walk(0)
  expectCode("ENOSPC", more.xattrcreate(last, "user.x", 1, 0))
  expectCode("EINVAL", op.clunk(fids[0] ?? 0))
  client.call(more.xattrcreate(last, "user.x", TREE_LIMITS.attributeBytes, 0))
  expectCode("EINVAL", op.write(last, 1, Buffer.from("x")))
  const value = Buffer.alloc(TREE_LIMITS.attributeBytes / 2, "v")
  client.call(op.write(last, 0, value))
  client.call(op.write(last, value.length, value))
  expectCode("EINVAL", op.write(last, TREE_LIMITS.attributeBytes, Buffer.from("x")))
  client.call(op.clunk(last))
  assert.equal(tree.getAttribute(tree.root(), "user.x").length, TREE_LIMITS.attributeBytes)
  session.close()
})

test("symlinks are data, of as many bytes as a path has", () => {
  const { served } = serve()
  const { client, walk, expectCode } = connect(served)
  const longest = "/".repeat(TREE_LIMITS.targetBytes)
  client.call(op.symlink(0, "l", longest))
  assert.equal(client.call(op.readlink(walk(0, "l"))), longest)
  expectCode("ENAMETOOLONG", op.symlink(0, "m", `${longest}x`))
  expectCode("ENOENT", op.symlink(0, "m", ""))
  expectCode("EINVAL", op.symlink(0, "m", "a\0b"))
  client.call(op.symlink(0, "up", "../../etc/passwd"))
  // Where not even messages hold it.
  const short = connect(served, { messageBytes: NINEP_LIMITS.leastMessageBytes })
  short.expectCode("EOVERFLOW", op.readlink(short.walk(0, "l")))
  client.call(op.symlink(0, "shorter", "x".repeat(NINEP_LIMITS.leastMessageBytes - 9)))
  short.client.call(op.readlink(short.walk(0, "shorter")))
  expectCode("ENOTDIR", op.walk(walk(0, "up"), 99, ["x"]))
  expectCode("ELOOP", op.lopen(walk(0, "up"), 0))
})

test("times before 1970 are kept, and those that no clock has become the nearest", () => {
  const { client } = connect(serve().served)
  const set = (modifyTime: bigint) => {
    client.call(op.setattr(0, { modifyTime, accessTime: "now" }))
    return client.call(op.getattr(0)).modifyTime
  }
  for (const time of [0n, -1n, -1_500_000_000n, 1_999_999_999n, -(1n << 62n)]) assert.equal(set(time), time)
  assert.equal(set(1n << 90n), (1n << 63n) - 1n)
  assert.equal(set(-(1n << 90n)), -(1n << 63n))
})

test("hard links, pipes, sockets and devices are not to be had", () => {
  const { client, walk, expectCode } = connect(serve().served)
  client.call(op.mknod(0, "file", 0o100600))
  assert.equal(client.call(op.getattr(walk(0, "file"))).mode, 0o100600)
  expectCode("EPERM", op.link(0, walk(0, "file"), "other"))
  for (const kind of [0o010000, 0o020000, 0o060000, 0o140000, 0o120000, 0o040000]) {
    expectCode("EPERM", op.mknod(0, "x", kind | 0o644))
  }
  expectCode("EOPNOTSUPP", op.rename(walk(0, "file"), 0, "x"))
  expectCode("EOPNOTSUPP", op.remove(walk(0, "file")))
  client.call(op.getattr(walk(0, "file")))
})

test("a reclaim takes as many names as a path can have, and ends the connection at one more", () => {
  const { client, expectCode } = connect(serve().served)
  const claim = (count: number) =>
    more.reclaim({ fid: 0, newFid: 5, id: 99n, flags: undefined, names: new Array<string>(count).fill("a") })
  expectCode("ESTALE", claim(NINEP_LIMITS.reclaimNames))
  assert.throws(() => client.call(claim(NINEP_LIMITS.reclaimNames + 1)), { code: "too-large" })
})
