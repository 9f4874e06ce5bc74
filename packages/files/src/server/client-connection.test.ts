import assert from "node:assert/strict"
import { closeSync } from "node:fs"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { Loop } from "@skerry/loop"
import { NinepClient } from "../client/ninep-client.ts"
import * as op from "../client/operations.ts"
import { socketTransport, type Transport } from "../client/transport.ts"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { OPEN } from "../codec/messages.ts"
import { BufferPool } from "./buffer-pool.ts"
import { ClientConnection, type ClientEnd } from "./client-connection.ts"
import { memoryTree, request } from "./scripted-client.ts"
import { ServedTree } from "./served-tree.ts"
import { Session } from "./session.ts"

const linux = openLinux()

/** A server whose loop takes a turn whenever a client waits. */
function openServer(now = () => performance.now()) {
  const loop = new Loop(linux, now)
  const tree = memoryTree()
  const trees = new Map([["tree", { served: new ServedTree(tree), access: "write" as const }]])
  const pool = new BufferPool()
  const input = Buffer.allocUnsafeSlow(NINEP_LIMITS.inputBytes)
  const turn = () => {
    loop.after(0, () => loop.stop())
    loop.run()
  }
  const connect = (messageBytes: number = NINEP_LIMITS.mostMessageBytes) => {
    const [fd, clientFd] = linux.socketPair()
    const ends: ClientEnd[] = []
    const session = new Session({ trees, pool, now: () => loop.now() })
    const onEnd = (end: ClientEnd) => ends.push(end)
    const connection = new ClientConnection({ loop, linux, fd, session, input, onEnd })
    const transport: Transport = { ...socketTransport(linux, clientFd), wait: turn }
    const client = new NinepClient(transport, messageBytes)
    client.attach(0, "tree", 1000)
    return { connection, client, clientFd, session, ends }
  }
  return { tree, connect, turn }
}

test("megabytes go both ways while many requests are on the way", () => {
  const { connect, tree } = openServer()
  const { client, connection, clientFd, ends } = connect()
  client.call(op.walk(0, 1, []))
  client.call(op.lcreate(1, "f", OPEN.readWrite, 0o644))
  const bytes = 1_000_000
  for (let piece = 0; piece < 16; piece++) {
    client.send(op.write(1, piece * bytes, Buffer.alloc(bytes, piece + 1)), (count) =>
      assert.equal(count, bytes),
    )
  }
  for (let piece = 0; piece < 16; piece++) {
    client.send(op.read(1, piece * bytes, bytes), (read) => {
      assert.ok(read instanceof Buffer)
      assert.ok(read.equals(Buffer.alloc(bytes, piece + 1)), `piece ${piece}`)
    })
  }
  client.finish()
  assert.equal(connection.close(), undefined)
  assert.deepEqual(ends, [{ kind: "closed" }])
  assert.equal(tree.holds, 0)
  closeSync(clientFd)
})

test("a client that breaks the protocol ends its own connection and no other's", () => {
  const { connect, turn, tree } = openServer()
  const [bad, good] = [connect(), connect()]
  linux.writeSome(bad.clientFd, request(255, 1))
  turn()
  turn()
  assert.equal(bad.ends[0]?.kind, "protocol")
  assert.equal(linux.readSome(bad.clientFd, Buffer.alloc(10)), 0)
  assert.equal(good.client.call(op.getattr(0)).links, 2)
  good.connection.close()
  assert.equal(tree.holds, 0)
  closeSync(bad.clientFd)
  closeSync(good.clientFd)
})

test("a client that goes away holds nothing any more", () => {
  const { connect, turn, tree } = openServer()
  const gone = connect()
  gone.client.call(op.walk(0, 1, []))
  gone.client.call(op.lcreate(1, "f", OPEN.readWrite, 0o644))
  closeSync(gone.clientFd)
  turn()
  assert.deepEqual(gone.ends, [{ kind: "closed" }])
  assert.equal(tree.holds, 0)
})

test("a client that reads no answers blocks nobody, and gets them all when it does", () => {
  const { connect, turn } = openServer()
  const [lazy, other] = [connect(), connect()]
  lazy.client.call(op.walk(0, 1, []))
  lazy.client.call(op.lcreate(1, "f", OPEN.readWrite, 0o644))
  const bytes = 1_000_000
  lazy.client.call(op.write(1, 0, Buffer.alloc(bytes, "x")))
  // Straight to the socket, so that nothing is read meanwhile.
  const read = request(116, 600, (writer) => {
    writer.u32(1)
    writer.u64(0n)
    writer.u32(bytes)
  })
  for (let tag = 0; tag < 40; tag++) {
    read.writeUInt16LE(600 + tag, 5)
    assert.equal(linux.writeSome(lazy.clientFd, read), read.length)
  }
  for (let count = 0; count < 20; count++) {
    turn()
    assert.equal(other.client.call(op.getattr(0)).links, 2)
  }
  let received = 0
  const target = Buffer.alloc(bytes)
  for (let idle = 0; idle < 5; ) {
    const count = linux.readSome(lazy.clientFd, target) ?? 0
    received += count
    idle = count === 0 ? idle + 1 : 0
    turn()
  }
  assert.equal(received, 40 * (bytes + 11))
  for (const { connection, clientFd } of [lazy, other]) {
    connection.close()
    closeSync(clientFd)
  }
})

const ATTRIBUTES_ANSWER_BYTES = 7 + 153

/** By the loop's clock, each request for attributes takes so long. */
function openSlowServer(requestMs: number) {
  let time = 0
  const server = openServer(() => time)
  const { tree } = server
  const attributesOf = tree.attributes.bind(tree)
  tree.attributes = (node) => {
    time += requestMs
    return attributesOf(node)
  }
  let lastTag = 600
  /** Straight to the socket: the root's attributes, so many times. */
  const ask = (clientFd: number, count: number) => {
    const one = request(24, 0, (writer) => {
      writer.u32(0)
      writer.u64(0n)
    })
    const requests = Buffer.concat(new Array<Buffer>(count).fill(one))
    for (let at = 0; at < requests.length; at += one.length) requests.writeUInt16LE(++lastTag, at + 5)
    assert.equal(linux.writeSome(clientFd, requests), requests.length)
  }
  return { ...server, ask }
}

test("a client whose requests take long goes on with them when others had their turn", () => {
  const [requestMs, count] = [10, 100]
  const { ask, connect, turn } = openSlowServer(requestMs)
  const [greedy, other] = [connect(), connect()]
  const before = greedy.session.requests
  ask(greedy.clientFd, count)
  for (let handled = 0; handled < count; ) {
    handled += NINEP_LIMITS.turnMs / requestMs
    const others = other.session.requests
    ask(other.clientFd, 1)
    turn()
    assert.equal(greedy.session.requests - before, handled)
    assert.equal(other.session.requests, others + 1)
  }
  turn()
  assert.equal(linux.readSome(greedy.clientFd, Buffer.alloc(100_000)), count * ATTRIBUTES_ANSWER_BYTES)
  for (const { connection, clientFd } of [greedy, other]) {
    connection.close()
    closeSync(clientFd)
  }
})

test("a client whose connection ends while its requests wait for their turn has none any more", () => {
  const { ask, connect, turn, tree } = openSlowServer(NINEP_LIMITS.turnMs)
  const { clientFd, connection, ends, session } = connect()
  const before = session.requests
  ask(clientFd, 5)
  turn()
  turn()
  connection.close()
  for (let turns = 0; turns < 3; turns++) turn()
  assert.equal(session.requests - before, 2)
  assert.deepEqual(ends, [{ kind: "closed" }])
  assert.equal(tree.holds, 0)
  closeSync(clientFd)
})
