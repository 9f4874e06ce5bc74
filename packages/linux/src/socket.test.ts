import assert from "node:assert/strict"
import { closeSync, mkdirSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { type Connecting, LinuxError, openLinux, POLL } from "./index.ts"

const linux = openLinux()

async function withDirectory(use: (directory: string) => void): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "skerry-socket-"))
  try {
    use(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

const fdOf = (connecting: Connecting) => (connecting.kind === "full" ? -1 : connecting.fd)

function connected(connecting: Connecting): number {
  assert.equal(connecting.kind, "connected")
  return fdOf(connecting)
}

test("a connection is accepted, carries bytes, and ends one way", async () => {
  await withDirectory((directory) => {
    const path = join(directory, "socket")
    const server = linux.listenUnix(path, 4)
    assert.equal(linux.accept(server), undefined)
    const client = connected(linux.connectUnix(path))
    const served = linux.accept(server) ?? -1
    linux.writeSome(client, Buffer.from("hello"))
    linux.shutdownWriting(client)
    const bytes = Buffer.alloc(10)
    assert.equal(bytes.toString("utf8", 0, linux.readSome(served, bytes)), "hello")
    assert.equal(linux.readSome(served, bytes), 0)
    linux.writeSome(served, Buffer.from("back"))
    assert.equal(linux.readSome(client, bytes), 4)
    for (const fd of [client, served, server]) closeSync(fd)
  })
})

test("a socket with a path over 107 bytes is reached", async () => {
  await withDirectory((directory) => {
    const long = join(directory, "x".repeat(200))
    mkdirSync(long)
    const before = process.cwd()
    process.chdir(long)
    const server = linux.listenUnix("socket", 4)
    process.chdir(before)
    const client = connected(linux.connectUnix(join(long, "socket")))
    for (const fd of [client, server]) closeSync(fd)
    assert.throws(() => linux.listenUnix(join(long, "other"), 4), RangeError)
  })
})

test("a server with too many waiting is told as full, and one that does not listen as refusing", async () => {
  await withDirectory((directory) => {
    const path = join(directory, "socket")
    const server = linux.listenUnix(path, 0)
    const client = connected(linux.connectUnix(path))
    assert.equal(linux.connectUnix(path).kind, "full")
    for (const fd of [client, server]) closeSync(fd)
    const refuses = (error: unknown) => error instanceof LinuxError && error.code === "ECONNREFUSED"
    assert.throws(() => linux.connectUnix(path), refuses)
    assert.throws(() => linux.connectUnix(join(directory, "none")), { code: "ENOENT" })
  })
})

for (const host of ["127.0.0.1", "::1"]) {
  test(`a connection over TCP to ${host} is waited for`, async () => {
    const server = createServer().listen(0, host)
    await new Promise((resolve) => server.once("listening", resolve))
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const connecting = linux.connectTcp(host, port)
    const fd = fdOf(connecting)
    linux.poll(Int32Array.of(fd, POLL.out), 1, 5000)
    assert.equal(linux.socketError(fd), undefined)
    closeSync(fd)
    server.close()
    const other = fdOf(linux.connectTcp(host, 1))
    linux.poll(Int32Array.of(other, POLL.out), 1, 5000)
    assert.equal(linux.socketError(other)?.code, "ECONNREFUSED")
    closeSync(other)
    assert.throws(() => linux.connectTcp("host.example", 1), RangeError)
  })
}
