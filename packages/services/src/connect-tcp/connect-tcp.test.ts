import assert from "node:assert/strict"
import { type AddressInfo, connect, createServer, type Server } from "node:net"
import { test } from "node:test"
import { runProgram, serviceTable, textOf } from "../testing.ts"
import { connectTcp } from "./connect-tcp.ts"
import { openForward, parseForward } from "./forward.ts"
import { findPort } from "./ports.ts"

test("a port is a number from 1 to 65535, or a name that the domain gives", () => {
  const table = "# ours\nweb 8080\ndb\t5432 # the database\nbad 70000\n"
  assert.equal(findPort("1", table), 1)
  assert.equal(findPort("65535", table), 65_535)
  assert.equal(findPort("web", table), 8080)
  assert.equal(findPort("db", table), 5432)
  for (const port of ["0", "65536", "080", "", "-1", "1e3", "ours", "bad", "we", "8080 "]) {
    assert.equal(findPort(port, table), undefined, port)
  }
})

test("a forward names its ends", () => {
  assert.deepEqual(parseForward("1234:work:80"), { localPort: 1234, target: "work", port: "80" })
  assert.deepEqual(parseForward(":work:80"), { localPort: 80, target: "work", port: "80" })
  assert.deepEqual(parseForward("::80"), { localPort: 80, target: "@default", port: "80" })
  assert.deepEqual(parseForward("8080:@dispvm:web:http"), {
    localPort: 8080,
    target: "@dispvm:web",
    port: "http",
  })
  for (const word of ["", "80", "a:b", ":work:http", "70000:work:80", "80:work:", "80:a b:80"]) {
    assert.throws(() => parseForward(word), /write \[LOCALPORT\]/, word)
  }
})

async function echoServer(): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return server
}

test("a connection to the forward is a connection in the other domain", async () => {
  const server = await echoServer()
  const port = String((server.address() as AddressInfo).port)
  const table = serviceTable({
    "qubes.ConnectTCP": ({ argument = "" }) =>
      runProgram(connectTcp, { environment: { QREXEC_SERVICE_ARGUMENT: argument } }),
  })
  const { stderr } = process
  try {
    await using forward = await openForward({ localPort: 0, target: "work", port }, { ...table, stderr })
    const ask = async (text: string) => {
      const socket = connect({ port: forward.port, host: "127.0.0.1", allowHalfOpen: true })
      socket.end(text)
      return await textOf(socket)
    }
    const long = "x".repeat(1_000_000)
    assert.deepEqual(await Promise.all(["one", "two", long].map(ask)), ["one", "two", long])
    assert.deepEqual(table.calls[0], { target: "work", service: "qubes.ConnectTCP", argument: port })
  } finally {
    server.close()
  }
})

test("a port where nothing listens, and what is no port, are told", async () => {
  const server = await echoServer()
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  for (const [argument, expected] of [
    [String(port), /Cannot connect to port \d+: ECONNREFUSED/],
    ["70000", /is no port/],
  ] as const) {
    const run = runProgram(connectTcp, { environment: { QREXEC_SERVICE_ARGUMENT: argument } })
    assert.deepEqual([await run.status], [1])
    assert.match(await textOf(run.stderr), expected)
  }
})
