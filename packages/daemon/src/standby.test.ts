import assert from "node:assert/strict"
import { test } from "node:test"
import { ADMIN, type DaemonStatus } from "@skerry/rpc"
import {
  command,
  generation,
  list,
  run,
  startTestDaemon,
  type TestDaemon,
  tinySystem,
} from "./testing/test-daemon.ts"

const pool = (perImage: number, memoryMiB = 1024) => ({ settings: { standby: { perImage, memoryMiB } } })

async function standby(daemon: TestDaemon): Promise<number> {
  const [status] = await list<undefined, DaemonStatus>(daemon.connect(), ADMIN.status, undefined)
  return status?.standby ?? 0
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise(setImmediate)
}

const startsOf = ({ backend }: TestDaemon) => backend.calls.filter((call) => call.startsWith("start "))

test("after the first use blanks stand by, and the next run takes one instead of starting", async () => {
  await using daemon = await startTestDaemon(pool(2))
  const connection = daemon.connect()
  await run(connection, "mail", command("true"))
  await until(async () => (await standby(daemon)) === 2)
  assert.equal(startsOf(daemon).length, 3)
  const rehearsal = ["identify skerry", "exec true", "exec true"]
  assert.deepEqual(daemon.record.told, ["identify mail", "exec true", ...rehearsal, ...rehearsal])
  await run(connection, "bank", command("true"))
  assert.deepEqual(daemon.record.told.slice(8, 10), ["identify bank", "exec true"])
  assert.equal(new Set(daemon.record.entropy).size, daemon.record.entropy.length, "no entropy is used twice")
  await until(async () => (await standby(daemon)) === 2)
  assert.equal(startsOf(daemon).length, 4, "what was taken is replaced, and never comes back")
})

test("a pool of size 0 makes nothing", async () => {
  await using daemon = await startTestDaemon(pool(0))
  await run(daemon.connect(), "mail", command("true"))
  await new Promise(setImmediate)
  assert.equal(startsOf(daemon).length, 1)
})

test("the memory bound holds", async () => {
  await using daemon = await startTestDaemon({
    ...pool(50, 200),
    more: { memoryBytes: async () => 60 * 1024 * 1024 },
  })
  await run(daemon.connect(), "mail", command("true"))
  await until(async () => (await standby(daemon)) === 3)
  await run(daemon.connect(), "mail", command("true"))
  await until(async () => (await standby(daemon)) === 3)
})

test("a new generation drops the blanks of the old one", async () => {
  await using daemon = await startTestDaemon(pool(2))
  const connection = daemon.connect()
  await run(connection, "mail", command("true"))
  await until(async () => (await standby(daemon)) === 2)
  const old = [...daemon.backend.domains.values()]
  daemon.current = generation(2, tinySystem(pool(1).settings), "b")
  await run(connection, "mail", command("true"))
  await Promise.all(old.map((domain) => domain.exited))
  await until(async () => (await standby(daemon)) === 1)
})

test("a blank that died while it stood by is not given out", async () => {
  await using daemon = await startTestDaemon(pool(1))
  const connection = daemon.connect()
  await run(connection, "mail", command("true"))
  await until(async () => (await standby(daemon)) === 1)
  for (const domain of daemon.backend.domains.values()) domain.end({ kind: "killed", signal: "SIGKILL" })
  await run(connection, "mail", command("true"))
})

test("one whose agent never answered is given up, without harm to anybody", async () => {
  await using daemon = await startTestDaemon(pool(1))
  daemon.backend.peers.push("agent", "garbage")
  const connection = daemon.connect()
  await run(connection, "mail", command("true"))
  await until(() => startsOf(daemon).length === 2)
  await until(() => daemon.backend.domains.size === 0)
  assert.equal(await standby(daemon), 0)
  await run(connection, "mail", command("true"))
})
