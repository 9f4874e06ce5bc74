import assert from "node:assert/strict"
import { test } from "node:test"
import { ERRNO, MESSAGES, NO_TAG, OPEN, RLERROR } from "@skerry/files/codec"
import { TREE } from "./limits.ts"
import { Bench, qid, refusal, reply, say } from "./testing.ts"

/** What a new server is told first, and answers: it knows nothing yet. */
function agreeAgain(bench: Bench): void {
  const { server } = bench
  const version = bench.next(server)
  assert.equal(version[4], MESSAGES.version.type)
  bench.send(server, reply("version", NO_TAG, ["u32", TREE.messageBytes], "9P2000.L"))
  assert.equal(bench.next(server)[4], MESSAGES.attach.type)
  bench.send(server, reply("attach", 0, qid(1, 0x80)))
}

/** The last thing that it is told: that this was all. */
function allTold(bench: Bench, tag: number): void {
  assert.deepEqual(bench.next(bench.server), say("reclaimed", tag))
  bench.send(bench.server, reply("reclaimed", tag))
}

test("a new server is told what was open, by its names and its id, and what has no answer is asked again", () => {
  using bench = new Bench()
  bench.begin()
  bench.walk(0, 5, ["a", "b"], [2, 3])
  bench.open(5, OPEN.readWrite | OPEN.truncate | OPEN.append)
  bench.walk(0, 6, ["a"], [2])
  bench.walk(0, 7, ["gone"], [9])
  bench.exchange(say("clunk", 1, ["u32", 7]), reply("clunk", 1))
  const read = say("read", 4, ["u32", 5], ["u64", 0], ["u32", 10])
  bench.send(bench.kernel, read)
  bench.next(bench.server)
  bench.kill()

  bench.serve()
  agreeAgain(bench)
  const claims = [bench.next(bench.server), bench.next(bench.server)]
  const flags = OPEN.readWrite | OPEN.append
  assert.deepEqual(claims, [
    say("reclaim", 0, ["u32", 0], ["u32", 5], ["u64", 3], ["u32", flags], ["u16", 2], "a", "b"),
    say("reclaim", 1, ["u32", 0], ["u32", 6], ["u64", 2], ["u32", 0xffff_ffff], ["u16", 1], "a"),
  ])
  for (const tag of [0, 1]) bench.send(bench.server, reply("reclaim", tag, qid(0), ["u32", 0]))
  allTold(bench, 2)
  assert.deepEqual(bench.next(bench.server), read)
  bench.send(bench.server, reply("read", 4, ["u32", 2], Buffer.from("hi")))
  assert.deepEqual(bench.next(bench.kernel), reply("read", 4, ["u32", 2], Buffer.from("hi")))
})

test("half an answer of a server that is gone reaches nobody", () => {
  using bench = new Bench()
  bench.begin()
  const read = say("read", 4, ["u32", 0], ["u64", 0], ["u32", 10])
  bench.send(bench.kernel, read)
  bench.next(bench.server)
  bench.send(bench.server, reply("read", 4, ["u32", 10], Buffer.from("0123456789")).subarray(0, 15))
  bench.turn()
  bench.kill()
  bench.serve()
  agreeAgain(bench)
  allTold(bench, 0)
  assert.deepEqual(bench.next(bench.server), read)
  const answer = reply("read", 4, ["u32", 3], Buffer.from("abc"))
  bench.send(bench.server, answer)
  assert.deepEqual(bench.next(bench.kernel), answer)
})

test("a file is told by the name that it was given last", () => {
  using bench = new Bench()
  bench.begin()
  bench.walk(0, 1, ["d"], [2])
  bench.walk(1, 2, ["old", "f"], [3, 4])
  const rename = say("renameat", 1, ["u32", 1], "old", ["u32", 0], "new")
  bench.exchange(rename, reply("renameat", 1))
  bench.kill()
  bench.serve()
  agreeAgain(bench)
  bench.next(bench.server)
  const claim = bench.next(bench.server)
  assert.deepEqual(
    claim,
    say("reclaim", 1, ["u32", 0], ["u32", 2], ["u64", 4], ["u32", 0xffff_ffff], ["u16", 2], "new", "f"),
  )
})

test("what a file's locks were is locked again, as far as it was not unlocked", () => {
  using bench = new Bench()
  bench.begin()
  bench.walk(0, 1, ["f"], [2])
  bench.open(1, OPEN.readWrite)
  const lock = (type: number, start: number, length: number, tag = 1) => {
    const range = [
      ["u64", start],
      ["u64", length],
    ] as const
    return say("lock", tag, ["u32", 1], ["u8", type], ["u32", 0], ...range, ["u32", 42], "host")
  }
  bench.exchange(lock(1, 0, 100), reply("lock", 1, ["u8", 0]))
  bench.exchange(lock(1, 500, 10), reply("lock", 1, ["u8", 1])) // blocked
  bench.exchange(lock(2, 10, 20), reply("lock", 1, ["u8", 0]))
  // To the end of the file, whatever that is, as flock(2) does.
  bench.exchange(lock(1, 1000, 0), reply("lock", 1, ["u8", 0]))
  bench.exchange(lock(2, 1000, 0), reply("lock", 1, ["u8", 0]))
  bench.exchange(lock(1, 2000, 0), reply("lock", 1, ["u8", 0]))
  bench.exchange(lock(2, 2000, 5), reply("lock", 1, ["u8", 0]))
  bench.kill()
  bench.serve()
  agreeAgain(bench)
  const told = [1, 2, 3, 4].map(() => bench.next(bench.server))
  assert.deepEqual(told.slice(1), [lock(1, 0, 10, 1), lock(1, 30, 70, 2), lock(1, 2005, 0, 3)])
})

test("an attribute that is being written is written anew", () => {
  using bench = new Bench()
  bench.begin()
  bench.walk(0, 1, ["f"], [2])
  const create = say("xattrcreate", 1, ["u32", 1], "user.a", ["u64", 3], ["u32", 0])
  const write = say("write", 1, ["u32", 1], ["u64", 0], ["u32", 3], Buffer.from("abc"))
  bench.exchange(create, reply("xattrcreate", 1))
  bench.exchange(write, reply("write", 1, ["u32", 3]))
  bench.send(bench.kernel, say("clunk", 9, ["u32", 1]))
  bench.next(bench.server)
  bench.kill()
  bench.serve()
  agreeAgain(bench)
  const types = [1, 2, 3].map(() => bench.next(bench.server)[4])
  assert.deepEqual(types, [200, MESSAGES.xattrcreate.type, MESSAGES.write.type])
  for (const [tag, name] of (["reclaim", "xattrcreate", "write"] as const).entries()) {
    bench.send(bench.server, name === "reclaim" ? reply(name, tag, qid(2), ["u32", 0]) : reply(name, tag))
  }
  allTold(bench, 3)
  assert.deepEqual(bench.next(bench.server), say("clunk", 9, ["u32", 1]))
})

test("what was done without an answer is not done twice", () => {
  using bench = new Bench()
  bench.begin()
  const gid = ["u32", 1000] as const
  const asked = [
    say("mkdir", 1, ["u32", 0], "d", ["u32", 0o755], gid),
    say("unlinkat", 2, ["u32", 0], "f", ["u32", 0]),
    say("renameat", 3, ["u32", 0], "a", ["u32", 0], "b"),
    say("getattr", 4, ["u32", 0], ["u64", 1]),
  ]
  for (const request of asked) bench.send(bench.kernel, request)
  for (const _ of asked) bench.next(bench.server)
  bench.kill()
  bench.serve()
  agreeAgain(bench)
  allTold(bench, 0)
  assert.deepEqual(
    asked.map(() => bench.next(bench.server)),
    asked,
  )
  bench.send(bench.server, refusal(1, ERRNO.EEXIST))
  for (const tag of [2, 3, 4]) bench.send(bench.server, refusal(tag, ERRNO.ENOENT))
  const told = asked.map(() => bench.next(bench.kernel))
  assert.deepEqual(
    told.map((each) => each[4]),
    [73, 77, 75, RLERROR],
  )
  // Asked for the first time, they fail as they do.
  assert.deepEqual(
    bench.exchange(asked[0] ?? told[0] ?? Buffer.alloc(0), refusal(1, ERRNO.EEXIST))[4],
    RLERROR,
  )
})

for (const [size, isDone] of [
  [15, true],
  [10, false],
  [20, false],
] as const) {
  test(`what was to be appended at 10 is ${isDone ? "" : "not "}there in a file of ${size} bytes`, () => {
    using bench = new Bench()
    bench.begin()
    bench.walk(0, 1, ["log"], [2])
    bench.open(1, 1 | OPEN.append)
    const write = say("write", 5, ["u32", 1], ["u64", 10], ["u32", 5], Buffer.from("hello"))
    bench.send(bench.kernel, write)
    bench.next(bench.server)
    bench.kill()
    bench.serve()
    agreeAgain(bench)
    assert.equal(bench.next(bench.server)[4], 200)
    assert.deepEqual(bench.next(bench.server), say("getattr", 1, ["u32", 1], ["u64", 0x200]))
    bench.send(bench.server, reply("reclaim", 0, qid(2), ["u32", 0]))
    const attributes = [
      ["u64", 0x200],
      qid(2),
      ["u32", 0],
      ["u32", 0],
      ["u32", 0],
      ["u64", 1],
      ["u64", 0],
    ] as const
    bench.send(bench.server, reply("getattr", 1, ...attributes, ["u64", size], Buffer.alloc(96)))
    allTold(bench, 2)
    if (isDone) assert.deepEqual(bench.next(bench.kernel), reply("write", 5, ["u32", 5]))
    else assert.deepEqual(bench.next(bench.server), write)
  })
}

for (const isPrivate of [true, false]) {
  test(`a file that must be new is ${isPrivate ? "its own maker's" : "perhaps another's"} in a ${isPrivate ? "private" : "shared"} tree`, () => {
    using bench = new Bench(isPrivate)
    bench.begin()
    const create = (flags: number) =>
      say("lcreate", 2, ["u32", 0], "lock", ["u32", flags], ["u32", 0o644], ["u32", 1000])
    bench.send(bench.kernel, create(1 | OPEN.create | OPEN.exclusive))
    bench.next(bench.server)
    bench.kill()
    bench.serve()
    agreeAgain(bench)
    allTold(bench, 0)
    const wanted = 1 | OPEN.create | (isPrivate ? 0 : OPEN.exclusive)
    assert.deepEqual(bench.next(bench.server), create(wanted))
  })
}

test("a server from before this message refuses it, and the kernel goes on", () => {
  using bench = new Bench()
  bench.begin()
  bench.kill()
  bench.serve()
  agreeAgain(bench)
  bench.next(bench.server)
  bench.send(bench.server, refusal(0, ERRNO.EOPNOTSUPP))
  const request = say("getattr", 1, ["u32", 0], ["u64", 1])
  bench.exchange(request, reply("getattr", 1))
})

test("a file that is gone is the kernel's no more; a server with shorter messages ends the tree", () => {
  using bench = new Bench()
  bench.begin()
  bench.walk(0, 1, ["f"], [2])
  for (const round of [1, 2]) {
    bench.kill()
    bench.serve()
    agreeAgain(bench)
    if (round === 1) {
      assert.equal(bench.next(bench.server)[4], 200)
      bench.send(bench.server, refusal(0, ERRNO.ESTALE))
    }
    allTold(bench, round === 1 ? 1 : 0)
    const request = say("getattr", 1, ["u32", 0], ["u64", 1])
    bench.exchange(request, reply("getattr", 1))
  }
  bench.kill()
  bench.serve()
  bench.next(bench.server)
  bench.send(bench.server, reply("version", NO_TAG, ["u32", TREE.messageBytes - 1], "9P2000.L"))
  bench.turn()
  bench.turn()
  assert.equal(bench.ended, 1)
})
