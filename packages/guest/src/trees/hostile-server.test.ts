import assert from "node:assert/strict"
import { test } from "node:test"
import { NO_TAG, OPEN } from "@skerry/files/codec"
import { TREE } from "./limits.ts"
import { Bench, reply, say } from "./testing.ts"

/*
 * A server that another domain has taken over may ruin the trees that it serves, and nothing else: one thread has all
 * trees of a domain, and an error that nobody catches would end them all.
 */

const version = say("version", NO_TAG, ["u32", TREE.messageBytes], "9P2000.L")

for (const [request, name] of [
  [say("walk", 1, ["u32", 0], ["u32", 5], ["u16", 1], "a"), "walk"],
  [say("attach", 1, ["u32", 9], ["u32", 0xffff_ffff], "user", "tree", ["u32", 1000]), "attach"],
  [say("lcreate", 1, ["u32", 0], "a", ["u32", OPEN.readWrite], ["u32", 0o600], ["u32", 0]), "lcreate"],
  [version, "version"],
] as const) {
  test(`an answer to ${name} that is too short to be one ends this tree, and nothing else`, () => {
    using bench = new Bench()
    bench.begin()
    bench.send(bench.kernel, request)
    bench.next(bench.server)
    bench.send(bench.server, reply(name, name === "version" ? NO_TAG : 1))
    bench.turn()
    assert.equal(bench.ended, 1)
  })
}

test("so does one to what a new server is told first", () => {
  using bench = new Bench()
  bench.begin()
  bench.kill()
  bench.serve()
  assert.deepEqual(bench.next(bench.server), version)
  bench.send(bench.server, reply("version", NO_TAG))
  bench.turn()
  assert.equal(bench.ended, 1)
})

test("so does an answer to what nobody asked, while a new server is being told", () => {
  using bench = new Bench()
  bench.begin()
  bench.kill()
  bench.serve()
  bench.next(bench.server)
  bench.send(bench.server, reply("clunk", 7))
  bench.turn()
  assert.equal(bench.ended, 1)
})

test("answers to what nobody asked are the kernel's to judge, and none is kept", () => {
  using bench = new Bench()
  bench.begin()
  for (let tag = 0; tag < 100; tag++) bench.send(bench.server, reply("walk", tag))
  bench.turn()
  bench.turn()
  assert.equal(bench.kernel.messages.length, 100)
  assert.equal(bench.ended, 0)
})
