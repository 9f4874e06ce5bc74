import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, type TestContext, test } from "node:test"
import { findFilesServer } from "@skerry/files/find-program"
import { openCgroups, processFilter, readCgroupTexts } from "@skerry/isolation"
import { openLinux } from "@skerry/linux"
import type { StateSettings, TreeName } from "@skerry/model"
import { FILES, STATE_METHODS } from "@skerry/rpc"
import { STORE_ACCOUNT } from "../packages/daemon/src/trees/process-command.ts"
import { ProcessHost } from "../packages/daemon/src/trees/process-host.ts"
import { StateStore } from "../packages/daemon/src/trees/state-store.ts"
import { NinepClient } from "../packages/files/src/client/ninep-client.ts"
import * as operations from "../packages/files/src/client/operations.ts"
import * as more from "../packages/files/src/client/operations-more.ts"
import { socketTransport } from "../packages/files/src/client/transport.ts"

/* The state store's server as the daemon runs it at level process, in its real sandbox. */
const linux = openLinux()
const uid = process.getuid?.() ?? 0
const folder = mkdtempSync(join(tmpdir(), "skerry-file-servers-"))
after(() => rmSync(folder, { recursive: true }))
const cgroups = await openCgroups({ ...(await readCgroupTexts()), uid, home: folder })
after(() => cgroups[Symbol.asyncDispose]())
const storeDirectory = join(folder, "state/store")
const paths = {
  configuration: join(folder, "config"),
  state: join(folder, "state"),
  cache: join(folder, "cache"),
  runtime: join(folder, "run"),
}
const host = new ProcessHost({
  cgroups: async () => cgroups,
  ...{ linux, uid, storeDirectory },
  path: process.env.PATH ?? "",
  bwrapPath: () => "/usr/bin/bwrap",
  program: findFilesServer,
  seccomp: () => processFilter(process.arch === "x64" ? "x86_64" : "aarch64"),
})
const settings: StateSettings = {
  server: "process",
  snapshotMinutes: 0,
  keep: { last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 },
  limitMiB: 256,
}
const openStore = (t: TestContext) => {
  const store = new StateStore({
    paths,
    hosts: { process: host, vm: undefined },
    settings: async () => settings,
    now: Date.now,
    monotonicMs: () => performance.now(),
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    onNotice: () => {},
  })
  t.after(() => store.end())
  return store
}
const READ_WRITE = 2
const notes = "notes" as TreeName
const served = [
  { attachName: "tree", access: "write" as const, tree: { kind: "state" as const, name: notes } },
]
const hooks = { onReconnect: async () => {}, onLost: () => {} }

/** A client at the socket: writes a file, or reads it. */
function write(fd: number, text: string): void {
  const client = new NinepClient(socketTransport(linux, fd), 65_536)
  client.attach(1, "tree", 1000)
  client.call(operations.walk(1, 2, []))
  client.call(operations.lcreate(2, "letter", 0o1101, 0o644))
  client.call(operations.write(2, 0, Buffer.from(text)))
  client.call(operations.clunk(2))
}
function read(fd: number): string {
  const client = new NinepClient(socketTransport(linux, fd), 65_536)
  client.attach(1, "tree", 1000)
  client.call(operations.walk(1, 2, ["letter"]))
  client.call(operations.lopen(2, 0))
  return client.call(operations.read(2, 0, 64)).toString()
}

test("a store is made, kept by an account of its own, and is there again for the next server", async (t) => {
  const store = openStore(t)
  await store.openTree(notes, 10)
  const status = (await store.open()).control.call(STATE_METHODS.stateStatus, undefined)
  const { freeBytes } = await status.result
  assert.ok(freeBytes > 0n && freeBytes <= 256n * 1024n * 1024n, `${freeBytes} bytes are free`)
  const first = await store.supervisor.attach(served, hooks)
  write(first.fd, "Dear reader")
  await store.supervisor.drop(first.label)
  await store.snapshot(notes, "stop")
  await store.end()
  if (uid === 0) {
    assert.equal(statSync(storeDirectory).uid, STORE_ACCOUNT)
    for (const name of readdirSync(storeDirectory))
      assert.equal(statSync(join(storeDirectory, name)).uid, STORE_ACCOUNT)
  }
  assert.equal(statSync(storeDirectory).mode & 0o777, 0o700)

  const again = openStore(t)
  await again.openTree(notes, null)
  const second = await again.supervisor.attach(served, hooks)
  assert.equal(read(second.fd), "Dear reader")
  await again.end()
})

test("a server that is killed is started anew, its clients are served again, and what was written is there", async (t) => {
  const store = openStore(t)
  await store.openTree(notes, null)
  const reconnected = Promise.withResolvers<number>()
  const onReconnect = async (fd: number) => reconnected.resolve(fd)
  const { fd } = await store.supervisor.attach(served, { ...hooks, onReconnect })
  write(fd, "Written before the end")
  const server = await store.open()
  const begun = performance.now()
  await server[Symbol.asyncDispose]()
  assert.equal(read(await reconnected.promise), "Written before the end")
  console.log(`clients are served again after ${Math.round(performance.now() - begun)} ms`)
  await store.end()
})

test("a lock is its owner's after a kill, also where another client is there first", async (t) => {
  const store = openStore(t)
  await store.openTree(notes, null)
  const again = [Promise.withResolvers<number>(), Promise.withResolvers<number>()] as const
  const [first, second] = [
    await store.supervisor.attach(served, { ...hooks, onReconnect: async (fd) => again[0].resolve(fd) }),
    await store.supervisor.attach(served, { ...hooks, onReconnect: async (fd) => again[1].resolve(fd) }),
  ]
  write(first.fd, "shared")
  const open = (fd: number) => {
    const client = new NinepClient(socketTransport(linux, fd), 65_536)
    client.attach(1, "tree", 1000)
    client.call(operations.walk(1, 2, ["letter"]))
    client.call(operations.lopen(2, READ_WRITE))
    return client
  }
  const wanted = { type: "write", start: 0n, length: 0n, process: 1 } as const
  const ask = (client: NinepClient) => client.call(more.lock(2, wanted))
  assert.equal(ask(open(first.fd)), "granted")
  assert.equal(ask(open(second.fd)), "blocked")
  await (await store.open())[Symbol.asyncDispose]()
  const [one, two] = [await again[0].promise, await again[1].promise]
  const late = open(two)
  late.call(more.reclaimed())
  assert.equal(ask(late), "blocked")
  const owner = open(one)
  assert.equal(ask(owner), "granted")
  owner.call(more.reclaimed())
  assert.equal(ask(late), "blocked")
  owner.call(operations.clunk(2))
  assert.equal(ask(late), "granted")
  await store.end()
})

test("two servers never have one store", async (t) => {
  const store = openStore(t)
  await store.openTree(notes, null)
  await assert.rejects(openStore(t).openTree(notes, null))
  const server = await store.open()
  await server.control
    .call(FILES.status, undefined)
    .result.catch(() => assert.fail("the first one was disturbed"))
  await server.control.call(STATE_METHODS.stateVerify, undefined).result
  await store.end()
})
