import assert from "node:assert/strict"
import { buffer } from "node:stream/consumers"
import { test } from "node:test"
import { nothing, writeFrame } from "@skerry/wire"
import { callDouble, calling, callWait, closeCode, double, serving, wait } from "./connection-testing.ts"
import { CallFailure, Connection, handler, method, RPC_LIMITS } from "./index.ts"
import { frame, ScriptedPeer, u32le } from "./scripted-peer.ts"

for (const [how, pieceBytes] of [
  ["whole", 1 << 20],
  ["in pieces", 7],
  ["byte by byte", 1],
] as const) {
  test(`calls that come ${how} are answered`, async () => {
    const { peer } = serving()
    peer.send(Buffer.concat([callDouble(1, 21), callDouble(2, 4), callDouble(9, 5)]), pieceBytes)
    await peer.settle()
    assert.deepEqual(peer.heard, ["return 1", "return 2", "return 9"])
    assert.deepEqual(
      peer.received.map(({ payload }) => payload[0]),
      [42, 8, 10],
    )
  })

  test(`an answer with output that comes ${how} is the caller's`, async () => {
    const { peer, connection } = calling()
    const events: number[] = []
    const call = connection.call(double, { n: 1 }, { onEvent: (event) => events.push(event) })
    const output = buffer(call.stdout)
    await peer.settle()
    const answer = [
      frame(1, "eventDown", 5),
      frame(1, "dataDown", 1, "hel"),
      frame(1, "dataDown", 1, "lo"),
      frame(1, "eofDown", 1),
      frame(1, "return", u32le(2)),
    ]
    peer.send(Buffer.concat(answer), pieceBytes)
    assert.deepEqual(await call.result, { n: 2 })
    assert.equal(String(await output), "hello")
    assert.deepEqual(events, [5])
  })
}

test("a connection that ends between frames has ended, within one it was cut", async () => {
  assert.equal(await closeCode(serving, callDouble(1, 1)), "ended")
  assert.equal(await closeCode(serving, callDouble(1, 1).subarray(0, 10)), "truncated")
  assert.equal(await closeCode(serving, callDouble(1, 1).subarray(0, 3)), "truncated")
})

test("what breaks the protocol ends the connection with its code", async () => {
  const credit = (bytes: number) => frame(1, "creditDown", 0, u32le(bytes))
  const cases: [typeof calling, Uint8Array[], string][] = [
    [calling, [callDouble(1, 1)], "unknown-message"],
    [calling, [frame(1, "dataDown", 0, "x")], "bad-value"],
    [calling, [frame(1, "dataDown", 3, "x")], "bad-value"],
    [calling, [frame(1, "dataDown")], "truncated"],
    [calling, [frame(1, "eofDown", 1, 1)], "trailing-bytes"],
    [calling, [frame(1, "eofDown", 1), frame(1, "eofDown", 1)], "out-of-order"],
    [calling, [frame(1, "eofDown", 1), frame(1, "dataDown", 1, "x")], "out-of-order"],
    [calling, [credit(1)], "credit-exceeded"],
    [calling, [credit(0xffff_ffff)], "credit-exceeded"],
    [calling, [frame(2, "return")], "out-of-order"],
    [calling, [frame(1, "return"), frame(1, "return")], "out-of-order"],
    [calling, [frame(1, "return", 1)], "trailing-bytes"],
    [calling, [frame(1, "fail", u32le(99), "x")], "too-large"],
    [calling, [frame(1, "eventDown")], "truncated"],
    [calling, [writeFrame(1, 0x99, new Uint8Array(0))], "unknown-message"],
    [serving, [frame(1, "data", 0, "x")], "out-of-order"],
    [serving, [callWait(5), callWait(5)], "out-of-order"],
    [serving, [callWait(5), callWait(4)], "out-of-order"],
    [serving, [frame(1, "call", 1)], "truncated"],
    [serving, [frame(1, "call", 1, 0, 1)], "truncated"],
    [serving, [callWait(1), frame(1, "cancel"), frame(1, "cancel")], "out-of-order"],
    [serving, [callWait(1), frame(1, "cancel", 1)], "trailing-bytes"],
    [serving, [callWait(1), frame(1, "data", 1, "x")], "bad-value"],
    [serving, [callWait(1), writeFrame(1, 0x55, new Uint8Array(0))], "unknown-message"],
  ]
  for (const [open, frames, code] of cases) {
    assert.equal(
      await closeCode(open, Buffer.concat(frames)),
      code,
      frames.map((each) => Buffer.from(each).toString("hex")).join(" "),
    )
  }
})

test("params at their limit are sent, one byte more is not", () => {
  const { connection } = calling()
  const raw = (bytes: number) =>
    method({
      id: 3,
      name: "raw",
      params: { encode: (w) => w.bytes(new Uint8Array(bytes)), decode: () => undefined },
      result: nothing,
      up: nothing,
      down: nothing,
    })
  connection.call(raw(RPC_LIMITS.messageBytes - 2), undefined)
  assert.throws(() => connection.call(raw(RPC_LIMITS.messageBytes - 1), undefined), RangeError)
})

test("a handler's failure has its code, any other error is internal", async () => {
  for (const [error, code, message] of [
    [new CallFailure("not-found", "No such thing"), "not-found", "No such thing"],
    [Object.assign(new Error("no"), { code: "ENOENT" }), "internal", "no"],
    [new Error("ü".repeat(5000)), "internal", "ü".repeat(2048)],
  ] as const) {
    const ends = [new ScriptedPeer(), new ScriptedPeer()] as const
    new Connection(ends[0].duplex, { serve: [handler(wait, () => Promise.reject(error))] })
    const caller = new Connection(ends[1].duplex)
    const call = caller.call(wait, undefined)
    await ends[1].settle()
    ends[0].send(callWait(1))
    await ends[0].settle()
    const [answer] = ends[0].received
    ends[1].send(writeFrame(1, answer?.type ?? 0, answer?.payload ?? new Uint8Array(0)))
    await assert.rejects(call.result, { name: "RemoteError", code, message })
  }
})

test("an unknown method fails, and the connection goes on", async () => {
  const { peer } = serving()
  peer.send(Buffer.concat([frame(1, "call", 9, 9, "whatever"), callDouble(2, 3)]))
  await peer.settle()
  assert.deepEqual(peer.heard, ["fail 1", "return 2"])
})

test("frames for a call that has just ended are ignored", async () => {
  const { peer } = serving()
  peer.send(callDouble(1, 1))
  await peer.settle()
  peer.send(
    Buffer.concat([
      frame(1, "data", 0, "late"),
      frame(1, "eof", 0),
      frame(1, "cancel"),
      frame(1, "event", 1),
    ]),
  )
  peer.send(callDouble(2, 2))
  await peer.settle()
  assert.deepEqual(peer.heard, ["return 1", "return 2"])
})

test("a call that is given up tells the peer, and frees its id with the peer's answer", async () => {
  const { peer, connection } = calling()
  const abort = new AbortController()
  const call = connection.call(wait, undefined, { signal: abort.signal })
  call.stdin.write("some")
  await peer.settle()
  abort.abort(new Error("enough"))
  await assert.rejects(call.result, { message: "enough" })
  assert.equal(call.stdout.destroyed, true)
  await peer.settle()
  assert.deepEqual(peer.heard, ["call 1", "data 1", "cancel 1"])
  peer.send(Buffer.concat([frame(1, "dataDown", 1, "late"), frame(1, "fail", u32le(1), "x", u32le(0))]))
  const next = connection.call(double, { n: 1 })
  await peer.settle()
  peer.send(frame(2, "return", u32le(2)))
  assert.deepEqual(await next.result, { n: 2 })
})

test("a call that is given up before it left is never heard of", async () => {
  const { peer, connection } = calling()
  const call = connection.call(wait, undefined, { signal: AbortSignal.abort(new Error("too late")) })
  await assert.rejects(call.result, { message: "too late" })
  const abort = new AbortController()
  const other = connection.call(wait, undefined, { signal: abort.signal })
  abort.abort(new Error("changed my mind"))
  await assert.rejects(other.result)
  await peer.settle()
  assert.deepEqual(peer.heard, [])
})

test("a cancelled handler hears of it, its input breaks, its output goes nowhere", async () => {
  const outcome = Promise.withResolvers<unknown>()
  const patient = handler(wait, async (_, { stdin, stdout }) => {
    stdout.write(Buffer.alloc(10 * RPC_LIMITS.windowBytes))
    await buffer(stdin).then(outcome.resolve, outcome.reject)
    return undefined
  })
  const { peer } = serving([patient])
  peer.send(Buffer.concat([callWait(1), frame(1, "data", 0, "half")]))
  await peer.settle()
  peer.send(frame(1, "cancel"))
  await assert.rejects(outcome.promise, { code: "cancelled" })
  await peer.settle()
  assert.equal(peer.heard.at(-1), "return 1")
})

test("a lost connection fails calls, aborts handlers and breaks streams", async () => {
  const aborted = Promise.withResolvers<unknown>()
  const patient = handler(wait, (_, { signal }) => {
    signal.addEventListener("abort", () => aborted.resolve(signal.reason))
    return new Promise<undefined>(() => {})
  })
  const { peer, connection } = serving([patient])
  const call = connection.call(wait, undefined)
  const output = buffer(call.stdout)
  peer.send(callWait(1))
  await peer.settle()
  peer.end()
  assert.deepEqual(await connection.closed, { kind: "ended" })
  await assert.rejects(call.result, { code: "connection-closed" })
  await assert.rejects(output, { code: "connection-closed" })
  assert.equal(((await aborted.promise) as { code: string }).code, "connection-closed")
  await assert.rejects(connection.call(wait, undefined).result, { code: "connection-closed" })
})
