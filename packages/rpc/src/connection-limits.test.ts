import assert from "node:assert/strict"
import { test } from "node:test"
import { WIRE_LIMITS } from "@skerry/wire"
import { calling, callWait, closeCode, double, serving, wait } from "./connection-testing.ts"
import { handler, RPC_LIMITS } from "./index.ts"
import { frame, u32le } from "./scripted-peer.ts"

test("a frame at its limit is read, one byte more ends the connection", async () => {
  const header = (length: number) => Buffer.concat([u32le(length), u32le(1), Uint8Array.of(0x01)])
  const { peer, connection } = serving()
  peer.send(
    Buffer.concat([
      header(WIRE_LIMITS.frameBytes),
      Buffer.from([9, 9]),
      Buffer.alloc(WIRE_LIMITS.frameBytes - 2),
    ]),
  )
  await peer.settle()
  assert.deepEqual(peer.heard, ["fail 1"])
  connection.close()
  assert.equal(await closeCode(serving, header(WIRE_LIMITS.frameBytes + 1)), "too-large")
})

test("a stream's window can be filled, one byte more ends the connection", async () => {
  const data = (bytes: number) => frame(1, "dataDown", 1, Buffer.alloc(bytes))
  const windowful = Array.from({ length: RPC_LIMITS.windowBytes / RPC_LIMITS.chunkBytes }, () =>
    data(RPC_LIMITS.chunkBytes),
  )
  const { peer, connection } = calling()
  const call = connection.call(wait, undefined)
  const other = connection.call(wait, undefined)
  await peer.settle()
  peer.send(Buffer.concat([...windowful, frame(2, "return")]))
  await other.result
  peer.send(data(1))
  assert.equal((await connection.closed).kind, "protocol-error")
  await assert.rejects(call.result, { code: "connection-closed" })
})

test("credit goes back as a reader consumes, and not before", async () => {
  const { peer, connection } = calling()
  const call = connection.call(wait, undefined)
  await peer.settle()
  for (let sent = 0; sent < RPC_LIMITS.windowBytes; sent += RPC_LIMITS.chunkBytes) {
    peer.send(frame(1, "dataDown", 1, Buffer.alloc(RPC_LIMITS.chunkBytes)))
  }
  await peer.settle()
  assert.deepEqual(peer.heard, ["call 1"])
  call.stdout.resume()
  await peer.settle()
  const granted = peer.received.slice(1).map(({ payload }) => Buffer.from(payload).readUInt32LE(1))
  assert.equal(
    granted.reduce((sum, each) => sum + each, 0),
    RPC_LIMITS.windowBytes,
  )
})

test("a window of single bytes costs about its bytes", async () => {
  const { peer, connection } = calling()
  const call = connection.call(wait, undefined)
  await peer.settle()
  const bytes = Buffer.concat(Array.from({ length: 65_536 }, () => frame(1, "dataDown", 1, "x")))
  peer.send(bytes)
  await peer.settle()
  const chunks: number[] = []
  call.stdout.on("data", (chunk: Uint8Array) => chunks.push(chunk.length))
  await peer.settle()
  assert.equal(
    chunks.reduce((sum, each) => sum + each, 0),
    65_536,
  )
  assert.ok(chunks.length <= 8, `${chunks.length} blocks`)
})

test("a stream that is destroyed gives its credit back and holds nothing up", async () => {
  const { peer, connection } = calling()
  const call = connection.call(wait, undefined)
  call.stdout.destroy()
  await peer.settle()
  for (let sent = 0; sent < 4 * RPC_LIMITS.windowBytes; sent += RPC_LIMITS.chunkBytes) {
    peer.send(frame(1, "dataDown", 1, Buffer.alloc(RPC_LIMITS.chunkBytes)))
    await peer.settle()
  }
  peer.send(frame(1, "return"))
  await call.result
})

test("a sender stays within credit and goes on with more", async () => {
  const { peer, connection } = calling()
  const call = connection.call(wait, undefined)
  call.stdin.end(Buffer.alloc(RPC_LIMITS.windowBytes + 10))
  await peer.settle()
  const sentBytes = () =>
    peer.received.filter(({ type }) => type === 3).reduce((sum, { payload }) => sum + payload.length - 1, 0)
  assert.equal(sentBytes(), RPC_LIMITS.windowBytes)
  assert.ok(!peer.heard.includes("eof 1"))
  peer.send(frame(1, "creditDown", 0, u32le(10)))
  await peer.settle()
  assert.equal(sentBytes(), RPC_LIMITS.windowBytes + 10)
  assert.equal(peer.heard.at(-1), "eof 1")
})

test("while the pipe is full, a bulk stream takes turns with other calls", async () => {
  const { peer, connection } = calling()
  const bulk = connection.call(wait, undefined)
  await peer.settle()
  peer.hold()
  bulk.stdin.write(Buffer.alloc(RPC_LIMITS.windowBytes))
  await peer.settle()
  connection.call(double, { n: 1 })
  connection.call(double, { n: 2 })
  await peer.settle()
  peer.release()
  await peer.settle()
  const afterFirst = peer.heard.slice(2)
  assert.deepEqual(
    afterFirst.slice(0, 3).toSorted((a, b) => (a < b ? -1 : 1)),
    ["call 2", "call 3", "data 1"],
  )
})

test("256 calls are open at once, not 257", async () => {
  const { peer, connection } = calling()
  for (let call = 0; call < RPC_LIMITS.callsOpen; call++) connection.call(wait, undefined)
  assert.throws(() => connection.call(wait, undefined), { code: "too-many-calls" })
  connection.close()
  await peer.settle()
  const calls = (count: number) =>
    Buffer.concat(Array.from({ length: count }, (_, index) => callWait(index + 1)))
  assert.equal(await closeCode(serving, calls(RPC_LIMITS.callsOpen)), "ended")
  assert.equal(await closeCode(serving, calls(RPC_LIMITS.callsOpen + 1)), "too-large")
})

test("calls whose answers the peer does not read stay open and end it at the limit", async () => {
  const { peer, connection } = serving()
  peer.hold()
  for (let id = 1; id < 2000 && !peer.duplex.destroyed; id++) peer.send(frame(id, "call", 9, 9))
  const reason = await connection.closed
  assert.equal(reason.kind === "protocol-error" && reason.error.code, "too-large")
})

test("64 events wait for a full pipe, the next is not taken", async () => {
  const { peer, connection } = calling()
  const call = connection.call(wait, undefined)
  await peer.settle()
  peer.hold()
  connection.call(wait, undefined).stdin.write(Buffer.alloc(RPC_LIMITS.windowBytes))
  await peer.settle()
  for (let event = 0; event < RPC_LIMITS.eventsWaiting; event++) assert.equal(call.send(1), true)
  assert.equal(call.send(1), false)
  peer.release()
  await peer.settle()
  assert.equal(peer.heard.filter((each) => each === "event 1").length, RPC_LIMITS.eventsWaiting)
})

test("all output goes before the result, also what was written without waiting", async () => {
  const talk = handler(wait, (_, { stdout, stderr }) => {
    stdout.write("one")
    stdout.write("two")
    stderr.write("three")
    return undefined
  })
  const { peer } = serving([talk])
  peer.send(callWait(1))
  await peer.settle()
  assert.equal(peer.heard.at(-1), "return 1")
  assert.deepEqual(
    peer.heard.slice(0, -1).toSorted((a, b) => (a < b ? -1 : 1)),
    [...["dataDown 1", "dataDown 1", "dataDown 1"], ...["eofDown 1", "eofDown 1"]],
  )
})
