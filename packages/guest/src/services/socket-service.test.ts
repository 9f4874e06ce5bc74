import assert from "node:assert/strict"
import { closeSync, readdirSync, symlinkSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { service } from "@skerry/rpc"
import { openTestAgent, type TestAgent } from "../test-agent.ts"
import { runService, serviceFails, serviceParams } from "./testing.ts"

/** A server of the domain behind the service a.Socket; what it does with a connection is the test's. */
async function serve(agent: TestAgent, onConnection: (socket: Socket) => void): Promise<Server> {
  const path = join(agent.root, "server")
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {})
    onConnection(socket)
  }).listen(path)
  await new Promise((resolve) => server.once("listening", resolve))
  agent.write("etc/qubes-rpc/other", "")
  symlinkSync(path, join(agent.root, "etc/qubes-rpc/a.Socket"))
  return server
}

const EXIT_0 = { kind: "code", code: 0 }

test("a server reads who calls what, then the caller's bytes, and answers 5 MB", async () => {
  await using agent = openTestAgent()
  let heard = ""
  await using _server = await serve(agent, (socket) => {
    socket.on("data", (chunk) => {
      heard += String(chunk)
    })
    socket.on("end", () => socket.end(Buffer.alloc(5_000_000, "x")))
  })
  const { stdout, stderr, exit } = await runService(agent, "a.Socket+arg", "hello")
  assert.equal(heard, "a.Socket+arg mail\0hello")
  assert.equal(stdout, "x".repeat(5_000_000))
  assert.deepEqual([stderr, exit], ["", EXIT_0])
  agent.write("etc/qubes/rpc-config/a.Socket", "skip-service-descriptor = true\n")
  heard = ""
  await runService(agent, "a.Socket", "plain")
  assert.equal(heard, "plain")
})

test("10 MB go through a server and back", async () => {
  await using agent = openTestAgent()
  agent.write("etc/qubes/rpc-config/a.Socket", "skip-service-descriptor = true\n")
  await using _server = await serve(agent, (socket) => socket.pipe(socket))
  const bytes = Buffer.alloc(
    10_000_000,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  )
  const call = agent.caller.call(service, serviceParams("a.Socket"))
  call.stdin.end(bytes)
  assert.ok((await buffer(call.stdout)).equals(bytes))
  assert.deepEqual((await call.result).exit, EXIT_0)
})

test("a server that has gone ends the call, although its caller writes on", async () => {
  await using agent = openTestAgent()
  await using _server = await serve(agent, (socket) => socket.once("data", () => socket.destroy()))
  const call = agent.caller.call(service, serviceParams("a.Socket"))
  call.stdin.write("hello")
  assert.deepEqual((await call.result).exit, EXIT_0)
})

test("a server that ended its output still reads, unless the configuration says otherwise", async () => {
  await using agent = openTestAgent()
  let heard = 0
  await using _server = await serve(agent, (socket) => {
    socket.end("done")
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.length
    })
  })
  const call = agent.caller.call(service, serviceParams("a.Socket"))
  assert.equal(String(await buffer(call.stdout)), "done")
  call.stdin.end(Buffer.alloc(3_000_000))
  assert.deepEqual((await call.result).exit, EXIT_0)
  assert.equal(heard, "a.Socket mail\0".length + 3_000_000)
  agent.write("etc/qubes/rpc-config/a.Socket", "exit-on-service-eof = true\n")
  const cut = agent.caller.call(service, serviceParams("a.Socket"))
  assert.deepEqual((await cut.result).exit, EXIT_0)
})

test("a caller's end ends the call where the configuration says so", async () => {
  await using agent = openTestAgent()
  agent.write("etc/qubes/rpc-config/a.Socket", "exit-on-client-eof = true\n")
  await using _server = await serve(agent, (socket) => socket.on("end", () => socket.end()).resume())
  assert.deepEqual((await runService(agent, "a.Socket", "x")).exit, EXIT_0)
})

test("a caller that gives up closes the server's connection", async () => {
  await using agent = openTestAgent()
  let isClosed = () => {}
  const closed = new Promise<void>((resolve) => {
    isClosed = resolve
  })
  await using _server = await serve(agent, (socket) => {
    socket.on("end", () => socket.destroy()).resume()
    socket.on("close", isClosed)
    socket.write("ready")
  })
  const abort = new AbortController()
  const call = agent.caller.call(service, serviceParams("a.Socket"), { signal: abort.signal })
  await new Promise((resolve) => call.stdout.once("data", resolve))
  abort.abort()
  await closed
  await assert.rejects(call.result)
})

test("a link to /dev/tcp is a connection, to what link and argument say together", async () => {
  await using agent = openTestAgent()
  await using server = createServer((socket) => socket.resume().end("tcp")).listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  const address = server.address()
  const port = typeof address === "object" ? address?.port : 0
  agent.write("etc/qubes-rpc/other", "")
  const link = (to: string, name: string) => symlinkSync(to, join(agent.root, "etc/qubes-rpc", name))
  link(`/dev/tcp/127.0.0.1/${port}`, "a.Whole")
  link("/dev/tcp/localhost", "a.Host")
  link("/dev/tcp", "a.Any")
  for (const name of ["a.Whole", `a.Host+${port}`, `a.Any+127.0.0.1+${port}`]) {
    assert.equal((await runService(agent, name)).stdout, "tcp", name)
  }
  for (const name of ["a.Host", "a.Host+x", "a.Any+1", "a.Any", "a.Host+70000", "a.Host+0x1"]) {
    await serviceFails(agent, name, "bad-service")
  }
  link("/dev/tcp/host.example/80", "a.Name")
  for (const name of ["a.Host+1", "a.Name"]) await serviceFails(agent, name, "no-answer")
})

test("a socket that nobody serves gives no answer, and leaves nothing open", async () => {
  await using agent = openTestAgent()
  const server = await serve(agent, (socket) => socket.resume().end())
  const openCount = () => readdirSync(`/proc/${agent.pid}/fd`).length
  await runService(agent, "a.Socket")
  const before = openCount()
  for (let each = 0; each < 20; each++) await runService(agent, "a.Socket")
  assert.equal(openCount(), before)
  await server[Symbol.asyncDispose]()
  const linux = openLinux()
  const path = join(agent.root, "server")
  const fd = linux.listenUnix(path, 0)
  // One fits the queue; the next waits for room, and is let in when there is some.
  const first = linux.connectUnix(path)
  const waiting = runService(agent, "a.Socket")
  await new Promise((resolve) => setImmediate(resolve))
  closeSync(linux.accept(fd) ?? -1)
  let served = linux.accept(fd)
  while (served === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    served = linux.accept(fd)
  }
  closeSync(served)
  await waiting
  closeSync(fd)
  if (first.kind !== "full") closeSync(first.fd)
  await serviceFails(agent, "a.Socket", "no-answer")
})
