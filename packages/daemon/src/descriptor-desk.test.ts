import assert from "node:assert/strict"
import { once } from "node:events"
import { closeSync, constants, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { connect, createServer, Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { DescriptorDesk } from "./descriptor-desk.ts"

const linux = openLinux()
const fdOf = (socket: Socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd
const isOpen = (fd: number) => {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

async function openDesk(patienceMs = 5_000) {
  const folder = mkdtempSync(join(tmpdir(), "skerry-desk-"))
  const path = join(folder, "sock")
  let tokens = 0
  const desk = new DescriptorDesk({
    receive: (fd) => linux.receiveDescriptors(fd, 64),
    freshToken: () => `token-${++tokens}`,
    patienceMs,
  })
  const server = createServer({ pauseOnConnect: true }, (socket) => desk.onConnection(socket, fdOf(socket)))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const clients: Socket[] = []
  return {
    desk,
    /** Connects, and sends descriptors under a token. */
    async send(token: string, fds: readonly number[]) {
      const socket = await new Promise<Socket>((resolve) => {
        const connecting = connect(path, () => resolve(connecting))
      })
      socket.on("error", () => {}) // reset by a desk that dropped the message
      clients.push(socket)
      linux.sendDescriptors(fdOf(socket), Buffer.from(token), fds)
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      desk[Symbol.dispose]()
      server.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const soon = () => AbortSignal.timeout(5_000)
const sent = Promise.resolve("sent" as const)

test("three pipes arrive under their token, and are closed with the scope", async () => {
  await using test = await openDesk()
  const { read, write } = linux.pipe()
  using expected = test.desk.expect()
  await test.send(expected.token, [read, write, write])
  let received: readonly number[] = []
  {
    using handed = await expected.receive(sent, soon())
    received = handed?.fds ?? []
    assert.equal(received.length, 3)
    assert.ok(received.every((fd) => fstatSync(fd).isFIFO()))
  }
  assert.ok(!received.some(isOpen))
  closeSync(read)
  closeSync(write)
})

test("a file or a terminal among them is refused", async () => {
  await using test = await openDesk()
  const { read, write } = linux.pipe()
  const file = openSync("/dev/null", constants.O_RDWR)
  using expected = test.desk.expect()
  await test.send(expected.token, [read, write, file])
  await assert.rejects(expected.receive(sent, soon()), { code: "bad-request" })
  for (const fd of [read, write, file]) closeSync(fd)
})

test("descriptors under a wrong token go to nobody", async () => {
  await using test = await openDesk()
  const { read, write } = linux.pipe()
  using expected = test.desk.expect()
  await test.send("token-99", [read, write, write])
  const giveUp = new AbortController()
  const waiting = expected.receive(sent, giveUp.signal)
  giveUp.abort(new Error("gone"))
  await assert.rejects(waiting, /gone/)
  closeSync(read)
  closeSync(write)
})

test("a client that cannot hand over says so", async () => {
  await using test = await openDesk()
  using expected = test.desk.expect()
  assert.equal(await expected.receive(Promise.resolve("refused"), soon()), undefined)
})

test("pipes that nobody fetches are closed after a while, so that their readers see an end", async () => {
  await using test = await openDesk(50)
  const { read, write } = linux.pipe()
  await test.send("token-99", [write])
  closeSync(write)
  const reader = new Socket({ fd: read, readable: true, writable: false })
  reader.resume()
  await once(reader, "end", { signal: soon() })
})
