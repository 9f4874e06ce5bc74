import assert from "node:assert/strict"
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { findFilesServer } from "@skerry/files/find-program"
import { openCgroups, processFilter, readCgroupTexts } from "@skerry/isolation"
import { openLinux } from "@skerry/linux"
import { FILES, type FilesStatus } from "@skerry/rpc"
import type { FileServer } from "../packages/daemon/src/trees/file-server.ts"
import { openGranted } from "../packages/daemon/src/trees/open-directory.ts"
import { ProcessHost } from "../packages/daemon/src/trees/process-host.ts"
import { Supervisor } from "../packages/daemon/src/trees/supervisor.ts"
import { NinepClient } from "../packages/files/src/client/ninep-client.ts"
import * as operations from "../packages/files/src/client/operations.ts"
import { lock } from "../packages/files/src/client/operations-more.ts"
import { socketTransport } from "../packages/files/src/client/transport.ts"
import { processesOf } from "./support/host-processes.ts"

/* File servers as the daemon runs them at level process, in their real sandbox. */
const linux = openLinux()
const folder = mkdtempSync(join(tmpdir(), "skerry-file-servers-"))
after(() => rmSync(folder, { recursive: true }))
const served = join(folder, "served")
mkdirSync(served)
writeFileSync(join(served, "letter.txt"), "Dear reader")
writeFileSync(join(folder, "secret.txt"), "not yours")
symlinkSync("../secret.txt", join(served, "way-out"))

const paths = {
  configuration: "/none/config",
  state: "/none/state",
  cache: "/none/cache",
  runtime: "/none/run",
}
const uid = process.getuid?.() ?? 0
const ownCgroups = async () => openCgroups({ ...(await readCgroupTexts()), uid, home: folder })
const cgroups = await ownCgroups()
after(() => cgroups[Symbol.asyncDispose]())
const host = new ProcessHost({
  cgroups: async () => cgroups,
  linux,
  uid,
  path: process.env.PATH ?? "",
  bwrapPath: () => "/usr/bin/bwrap",
  program: findFilesServer,
  seccomp: () => processFilter(process.arch === "x64" ? "x86_64" : "aarch64"),
  storeDirectory: join(folder, "store"),
})
const soon = () => AbortSignal.timeout(60_000)

async function startServer(access: "read" | "write"): Promise<FileServer> {
  using opened = openGranted(served, { paths, home: "/none" })
  const { handle, owner, path } = opened
  return await host.start({ kind: "directory", handle, access, owner, path }, soon())
}

async function serve(server: FileServer, client: number, access: "read" | "write", only = "") {
  const fd = await server.connect(client)
  const trees = [{ attachName: "tree", access, tree: { kind: "directory" as const, only } }]
  await server.control.call(FILES.serve, { client, trees }).result
  return fd
}

function readFile(fd: number, name: string): string {
  const client = new NinepClient(socketTransport(linux, fd), 65_536)
  client.attach(1, "tree", 1000)
  client.call(operations.walk(1, 2, [name]))
  client.call(operations.lopen(2, 0))
  return client.call(operations.read(2, 0, 64)).toString()
}

test("a directory is served from a sandbox that cannot see what lies beside it", async () => {
  await using server = await startServer("read")
  assert.equal(readFile(await serve(server, 1, "read"), "letter.txt"), "Dear reader")
  const fd = await serve(server, 2, "read")
  assert.throws(() => readFile(fd, "way-out"))
  const status = server.control.call(FILES.status, undefined)
  const [line = ""] = (await status.stdout.toArray()).map(String)
  const { memoryBytes, clients } = JSON.parse(line) as FilesStatus
  assert.equal(clients.length, 2)
  assert.ok(memoryBytes < 150e6, `${memoryBytes} bytes`)
})

test("a file that is granted by itself is all that its client sees", async () => {
  await using server = await startServer("write")
  writeFileSync(join(served, "other.txt"), "other")
  assert.equal(readFile(await serve(server, 1, "write", "letter.txt"), "letter.txt"), "Dear reader")
  const fd = await serve(server, 2, "write", "letter.txt")
  assert.throws(() => readFile(fd, "other.txt"), /ENOENT/)
})

test("in the sandbox too, a program of the host and instances see each other's locks", async () => {
  await using server = await startServer("write")
  const program = openSync(join(served, "letter.txt"), "r+")
  const lockAll = () => linux.fileCalls().lockRange(program, "write", 0n, 0n) === 0
  const [whole, single] = await Promise.all(
    ["", "letter.txt"].map(async (only, index) => {
      const fd = await serve(server, index + 1, "write", only)
      const client = new NinepClient(socketTransport(linux, fd), 65_536)
      client.attach(1, "tree", 1000)
      client.call(operations.walk(1, 2, ["letter.txt"]))
      client.call(operations.lopen(2, 2))
      return (type: "write" | "unlock") => client.call(lock(2, { type, start: 0n, length: 0n, process: 1 }))
    }),
  )
  assert.ok(lockAll())
  assert.equal(whole?.("write"), "blocked")
  closeSync(program)
  assert.equal(whole?.("write"), "granted")
  assert.equal(single?.("write"), "blocked")
  const other = openSync(join(served, "letter.txt"), "r+")
  assert.notEqual(linux.fileCalls().lockRange(other, "read", 0n, 1n), 0)
  assert.equal(whole?.("unlock"), "granted")
  assert.equal(single?.("write"), "granted")
  closeSync(other)
})

test("a directory that was renamed after it was granted is the one that is served", async () => {
  using opened = openGranted(served, { paths, home: "/none" })
  const moved = join(folder, "moved")
  renameSync(served, moved)
  mkdirSync(served)
  writeFileSync(join(served, "letter.txt"), "an impostor")
  try {
    const { handle, owner, path } = opened
    await using server = await host.start({ kind: "directory", handle, access: "read", owner, path }, soon())
    assert.equal(readFile(await serve(server, 1, "read"), "letter.txt"), "Dear reader")
  } finally {
    rmSync(served, { recursive: true })
    renameSync(moved, served)
  }
})

const isRoot = uid === 0

test("as root, a directory is served by its owner, who need not reach it by its path", {
  skip: !isRoot,
}, async () => {
  const theirs = join(folder, "theirs")
  mkdirSync(theirs)
  for (const [name, uid] of [
    ["own.txt", 12_345],
    ["of-root.txt", 0],
  ] as const) {
    writeFileSync(join(theirs, name), name, { mode: 0o600 })
    chownSync(join(theirs, name), uid, uid)
  }
  chownSync(theirs, 12_345, 12_345)
  using opened = openGranted(theirs, { paths, home: "/none" })
  const { handle, owner, path } = opened
  await using server = await host.start({ kind: "directory", handle, access: "read", owner, path }, soon())
  assert.equal(readFile(await serve(server, 1, "read"), "own.txt"), "own.txt")
  const fd = await serve(server, 2, "read")
  assert.throws(() => readFile(fd, "of-root.txt"), /EACCES/)
})

test("a server that was killed says so, and its clients' connections end", async () => {
  await using server = await startServer("read")
  const fd = await serve(server, 1, "read")
  const status = server.control.call(FILES.status, undefined)
  const { pid } = JSON.parse(String((await status.stdout.toArray())[0])) as FilesStatus
  assert.ok(pid > 0)
  await server[Symbol.asyncDispose]()
  assert.match(await server.ended, /SIGKILL/)
  assert.throws(() => readFile(fd, "letter.txt"), /ended the connection|EPIPE|ECONNRESET/)
})

test("a server that is stopped is noticed and killed, and its client goes on with the next one", async () => {
  using opened = openGranted(served, { paths, home: "/none" })
  const { handle, owner, path } = opened
  const notices: string[] = []
  const supervisor = new Supervisor({
    name: path,
    start: (signal) => host.start({ kind: "directory", handle, access: "read", owner, path }, signal),
    monotonicMs: () => performance.now(),
    onNotice: (text) => notices.push(text),
    restartMs: 1,
    lookMs: 300,
  })
  const again = Promise.withResolvers<number>()
  const hooks = {
    onReconnect: async (fd: number) => again.resolve(fd),
    onLost: (why: string) => again.reject(new Error(why)),
  }
  const trees = [{ attachName: "tree", access: "read", tree: { kind: "directory", only: "" } }] as const
  try {
    const { fd } = await supervisor.attach(trees, hooks)
    assert.equal(readFile(fd, "letter.txt"), "Dear reader")
    const [first = 0, ...others] = serverProcesses()
    assert.deepEqual(others, [])
    process.kill(first, "SIGSTOP")
    assert.equal(readFile(await again.promise, "letter.txt"), "Dear reader")
    assert.match(notices.join("\n"), /has answered nothing for 0.9 s: it is killed/)
    assert.ok(!serverProcesses().includes(first))
  } finally {
    await supervisor.end()
  }
  assert.deepEqual(serverProcesses(), [])
})

/** The file servers' own processes, inside their sandboxes, as the host sees them. */
function serverProcesses(): number[] {
  const words = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
  return processesOf(process.pid).filter((pid) => /^\/skerry\/node$/.test(words(pid)[0] ?? ""))
}

test("all of a server is in a cgroup of its own, which is bounded and goes with it", async (t) => {
  if (!cgroups.controls.memory) return t.skip("no cgroups here")
  const places = async () => {
    await using _server = await startServer("read")
    const [server = 0] = serverProcesses()
    const [chain = 0] = processesOf(process.pid)
      .filter((pid) => processesOf(pid).includes(server))
      .slice(1)
    const [inner, outer] = [server, chain].map(cgroupOf)
    assert.equal(inner, outer)
    const limit = ["memory.max", "memory.limit_in_bytes"].map((name) => join(inner ?? "", name))
    assert.equal(readFileSync(limit.find(existsSync) ?? "", "utf8").trim(), String(2 ** 30))
    return inner ?? ""
  }
  const [first, second] = [await places(), await places()]
  assert.notEqual(first, second)
  assert.deepEqual([first, second].filter(existsSync), [])
})

test("a server that a dead daemon left is ended by the next one, even if it is stopped", async (t) => {
  if (!cgroups.controls.memory) return t.skip("no cgroups here")
  await using server = await startServer("read")
  const [left = 0] = serverProcesses()
  process.kill(left, "SIGSTOP")
  await (await ownCgroups()).sweep()
  assert.match(await server.ended, /SIGKILL|status 137/)
  assert.deepEqual(serverProcesses(), [])
})

/** The directory that bounds the memory of a process. */
function cgroupOf(pid: number): string {
  const [, place = ""] =
    /^(?:\d+:memory|0:):(.*_files-.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? []
  return ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].map((top) => join(top, place)).find(existsSync) ?? ""
}

test("a server that cannot run says why, and leaves nothing", async () => {
  const broken = new ProcessHost({
    ...{ cgroups: async () => cgroups, linux, uid, path: process.env.PATH ?? "" },
    bwrapPath: () => "/usr/bin/bwrap",
    program: () => ({ ...findFilesServer(), nodePath: "/nonexistent/node" }),
    seccomp: () => processFilter("x86_64"),
    storeDirectory: join(folder, "store"),
  })
  using opened = openGranted(served, { paths, home: "/none" })
  const before = readFileSync("/proc/self/status", "utf8").match(/FDSize:\s+(\d+)/)?.[1]
  const { handle, owner, path } = opened
  const started = broken.start({ kind: "directory", handle, access: "read", owner, path }, soon())
  await assert.rejects(started, /nonexistent\/node/)
  assert.equal(readFileSync("/proc/self/status", "utf8").match(/FDSize:\s+(\d+)/)?.[1], before)
})
