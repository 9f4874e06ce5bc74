import assert from "node:assert/strict"
import { test } from "node:test"
import { ERRNO } from "@skerry/files/codec"
import { Keeper } from "./keeper.ts"
import { TREE } from "./limits.ts"
import { Bench, qid, refusal, reply, say } from "./testing.ts"

for (const pieceBytes of [1, 7, 5000, 1 << 20]) {
  test(`requests and answers pass as they are, in pieces of ${pieceBytes} bytes`, () => {
    using bench = new Bench()
    bench.begin()
    const lengths = pieceBytes < 100 ? [11, 300] : [11, 300, 20_000, TREE.messageBytes - 23]
    for (const length of lengths) {
      const data = Buffer.alloc(length, "data")
      const write = say("write", 3, ["u32", 0], ["u64", 5], ["u32", length], data)
      bench.send(bench.kernel, write, pieceBytes)
      assert.deepEqual(bench.next(bench.server), write)
      const read = reply("read", 3, ["u32", length], data)
      bench.send(bench.server, read, pieceBytes)
      assert.deepEqual(bench.next(bench.kernel), read)
    }
  })
}

test("long requests wait while as many as may be kept have no answer", () => {
  using bench = new Bench()
  bench.begin()
  const write = (tag: number) =>
    say("write", tag, ["u32", 0], ["u64", 0], ["u32", 20_000], Buffer.alloc(20_000))
  for (let tag = 0; tag < TREE.longRequests; tag++) {
    bench.send(bench.kernel, write(tag))
    assert.deepEqual(bench.next(bench.server), write(tag))
  }
  bench.send(bench.kernel, write(TREE.longRequests))
  bench.turn()
  assert.equal(bench.server.messages.length, 0)
  bench.send(bench.server, reply("write", 0, ["u32", 20_000]))
  assert.deepEqual(bench.next(bench.server), write(TREE.longRequests))
})

test("a message longer than agreed ends the tree", () => {
  using bench = new Bench()
  bench.begin()
  const head = Buffer.alloc(7)
  head.writeUInt32LE(TREE.messageBytes + 1)
  bench.send(bench.kernel, head)
  bench.turn()
  assert.equal(bench.ended, 1)
})

test("one fid more than the most is refused, and goes no further", () => {
  const keeper = new Keeper()
  const walk = (fid: number) => say("walk", 1, ["u32", 0], ["u32", fid], ["u16", 0])
  const attach = say("attach", 1, ["u32", 0], ["u32", 0xffff_ffff], "user", "tree", ["u32", 1000])
  assert.equal(
    keeper.asked(attach, () => {}),
    undefined,
  )
  keeper.answered(reply("attach", 1, qid(1)))
  for (let fid = 1; fid < TREE.fids; fid++) {
    assert.equal(
      keeper.asked(walk(fid), () => {}),
      undefined,
    )
    keeper.answered(reply("walk", 1, ["u16", 0]))
  }
  assert.deepEqual(
    keeper.asked(walk(TREE.fids), () => {}),
    refusal(1, ERRNO.EMFILE),
  )
  keeper.asked(say("clunk", 1, ["u32", 5]), () => {})
  keeper.answered(reply("clunk", 1))
  assert.equal(
    keeper.asked(walk(5), () => {}),
    undefined,
  )
})
