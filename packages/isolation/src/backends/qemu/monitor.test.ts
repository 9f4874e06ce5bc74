import assert from "node:assert/strict"
import { once } from "node:events"
import { Socket } from "node:net"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { MONITOR_LIMITS, Monitor, parseReply } from "./monitor.ts"

const linux = openLinux()
const GREETING = `${JSON.stringify({ QMP: { version: {}, capabilities: [] } })}\r\n`
const RETURN = `${JSON.stringify({ return: {} })}\r\n`
const EVENT = `${JSON.stringify({ event: "STOP", timestamp: { seconds: 1, microseconds: 2 } })}\r\n`

interface Peer extends Disposable {
  readonly socket: Socket
  /** The next command that the monitor sends. */
  next(): Promise<{ execute: string; arguments?: unknown }>
}

/** A monitor and the QEMU that this test plays; it has answered the greeting's command unless `silent`. */
async function connect(silent = false): Promise<{ monitor: Monitor; peer: Peer; broken: string[] }> {
  const [ours, theirs] = linux.socketPair()
  const broken: string[] = []
  const monitor = new Monitor(new Socket({ fd: ours }), (why) => broken.push(why))
  const socket = new Socket({ fd: theirs })
  socket.on("error", () => {})
  let text = ""
  const peer: Peer = {
    socket,
    async next() {
      while (!text.includes("\n")) text += String((await once(socket, "data"))[0])
      const [line = "", ...rest] = text.split("\n")
      text = rest.join("\n")
      return JSON.parse(line)
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
  if (!silent) {
    socket.write(GREETING)
    assert.equal((await peer.next()).execute, "qmp_capabilities")
    socket.write(RETURN)
    await monitor.ready
  }
  return { monitor, peer, broken }
}

/** Other than once(), it does not mind that the socket was reset. */
const closed = (socket: Socket) => new Promise<void>((resolve) => void socket.once("close", () => resolve()))

const failed = (message: RegExp) => ({ name: "IsolationError", code: "spawn-failed", message })

for (const [how, cut] of Object.entries({
  whole: (text: string) => [text],
  "in pieces": (text: string) => text.match(/.{1,7}/gs) ?? [],
  "byte by byte": (text: string) => [...text],
})) {
  test(`replies come in the order of the commands, between events: ${how}`, async () => {
    const { monitor, peer } = await connect()
    using _peer = peer
    const replies = [monitor.execute("query-status"), monitor.execute("stop", { a: 1 })]
    assert.equal((await peer.next()).execute, "query-status")
    assert.deepEqual(await peer.next(), { execute: "stop", arguments: { a: 1 } })
    const text = `${EVENT}${JSON.stringify({ return: { status: "running" } })}\n${EVENT}${RETURN}`
    for (const piece of cut(text)) {
      peer.socket.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(await Promise.all(replies), [{ status: "running" }, {}])
  })
}

test("a refused command fails alone, with QEMU's words quoted and bounded", async () => {
  const { monitor, peer, broken } = await connect()
  using _peer = peer
  const refused = monitor.execute("migrate")
  const next = monitor.execute("stop")
  peer.socket.write(
    `${JSON.stringify({ error: { class: "GenericError", desc: `no "way"\n${"x".repeat(999)}` } })}\n`,
  )
  peer.socket.write(RETURN)
  await assert.rejects(refused, (error: Error) => {
    assert.match(error.message, /^QEMU refused "migrate": "no \\"way\\"\\nx+"$/)
    return error.message.length < 400
  })
  assert.deepEqual(await next, {})
  assert.deepEqual(broken, [])
})

const GARBAGE: Readonly<Record<string, string>> = {
  "no JSON": "hello\n",
  "bytes that are no text": "\xff\xfe\0\n",
  "an empty line": "\n",
  "JSON that is no message": "[1]\n",
  "a number": "1\n",
  null: "null\n",
  "an object of another protocol": '{"jsonrpc":"2.0"}\n',
  "a reply that nobody asked for": `${RETURN}${RETURN}`,
}
for (const [what, bytes] of Object.entries(GARBAGE)) {
  test(`garbage ends the monitor and QEMU, once: ${what}`, async () => {
    const { monitor, peer, broken } = await connect()
    using _peer = peer
    const command = monitor.execute("stop")
    command.catch(() => {}) // one of the cases answers it first
    peer.socket.write(bytes, "latin1")
    peer.socket.write(bytes, "latin1")
    await closed(peer.socket)
    assert.equal(broken.length, 1)
    await assert.rejects(
      monitor.execute("cont"),
      failed(/^QEMU (sent something that is no|answered a command)/),
    )
  })
}

test("a line at the limit is taken, one byte more ends the monitor", async () => {
  const line = (bytes: number) => {
    const [start, end] = ['{"return":"', '"}']
    return start + "x".repeat(bytes - start.length - end.length) + end
  }
  const { monitor, peer, broken } = await connect()
  using _peer = peer
  const most = monitor.execute("stop")
  peer.socket.write(`${line(MONITOR_LIMITS.lineBytes)}\n`)
  assert.equal(String(await most).length, MONITOR_LIMITS.lineBytes - 13)
  const over = monitor.execute("stop")
  peer.socket.write(`${line(MONITOR_LIMITS.lineBytes + 1)}\n`)
  await assert.rejects(over, failed(/no monitor message/))
  assert.equal(broken.length, 1)
})

test("a line without end is cut off at the limit: a flood costs no memory", async () => {
  const { monitor, peer, broken } = await connect()
  using _peer = peer
  const command = monitor.execute("stop")
  const flood = Buffer.alloc(16 * 1024, "x")
  const pour = () => {
    while (!peer.socket.destroyed && peer.socket.write(flood));
  }
  peer.socket.on("drain", pour)
  pour()
  await assert.rejects(command, failed(/more than 65536 bytes/))
  await closed(peer.socket)
  assert.equal(broken.length, 1)
})

test("a QEMU that closes early fails what waits and what comes", async () => {
  const { monitor, peer, broken } = await connect(true)
  const waiting = monitor.execute("stop")
  peer.socket.destroy()
  await assert.rejects(monitor.ready, failed(/^QEMU closed its monitor$/))
  await assert.rejects(waiting, failed(/^QEMU closed its monitor$/))
  await assert.rejects(monitor.execute("cont"), failed(/^QEMU closed its monitor$/))
  assert.deepEqual(broken, [])
})

test("a command that is never answered ends QEMU after the limit", async (t) => {
  const { monitor, peer, broken } = await connect()
  using _peer = peer
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const command = monitor.execute("stop")
  t.mock.timers.tick(MONITOR_LIMITS.replyMs - 1)
  assert.deepEqual(broken, [])
  t.mock.timers.tick(1)
  await assert.rejects(command, failed(/^QEMU did not answer "stop" within 30000 ms$/))
  assert.equal(broken.length, 1)
})

test("a command that could not be sent waits for no reply", async () => {
  const { monitor, peer } = await connect()
  using _peer = peer
  const unsent = monitor.expect("getfd", () => {
    throw new Error("EAGAIN")
  })
  await assert.rejects(unsent, /EAGAIN/)
  const sent = monitor.execute("stop")
  await peer.next()
  peer.socket.write(RETURN)
  assert.deepEqual(await sent, {})
})

test("what a reply is, and what is none", () => {
  assert.deepEqual(parseReply('{"return":5}'), { kind: "return", value: 5 })
  assert.deepEqual(parseReply('{"error":"odd"}'), { kind: "error", description: '"?"' })
  assert.deepEqual(parseReply('{"event":"RESET"}'), { kind: "other" })
  assert.equal(parseReply("{}"), undefined)
})

test("a device is deleted when QEMU says that nothing of it is left, whatever else is deleted", async () => {
  const { monitor, peer } = await connect()
  using _peer = peer
  const deleted = (device?: string) =>
    `${JSON.stringify({ event: "DEVICE_DELETED", data: { path: "/x", device } })}\n`
  let isDone = false
  const deletion = monitor.deleteDevice("port.a").then(() => {
    isDone = true
  })
  assert.equal((await peer.next()).execute, "device_del")
  peer.socket.write(deleted("port.b") + deleted() + RETURN)
  const later = monitor.execute("query-status")
  await peer.next()
  peer.socket.write(RETURN)
  await later
  assert.equal(isDone, false)
  peer.socket.write(deleted("port.a"))
  await deletion
})

test("a device that QEMU does not delete is nobody's wait", async () => {
  const { monitor, peer } = await connect()
  using _peer = peer
  const deletion = monitor.deleteDevice("port.a")
  await peer.next()
  peer.socket.write(`${JSON.stringify({ error: { class: "DeviceNotFound", desc: "no such device" } })}\n`)
  await assert.rejects(deletion, failed(/no such device/))
})
