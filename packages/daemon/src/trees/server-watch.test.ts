import assert from "node:assert/strict"
import { test } from "node:test"
import { FILES } from "@skerry/rpc"
import { FakeFileServer } from "../testing/fake-file-servers.ts"
import { TREE_LIMITS } from "./limits.ts"
import { ServerWatch } from "./server-watch.ts"
import { eventually } from "./testing.ts"

const ROOT = { kind: "store", limitMiB: null } as const
const HOUR = 3_600_000

/** A watch that looks only when the test does. */
function watched() {
  const server = new FakeFileServer(ROOT, { key: undefined, asked: [], quotas: new Map() })
  const hung: number[] = []
  const watch = new ServerWatch(server, HOUR, () => hung.push(server.asked))
  const miss = async (times: number) => {
    for (let time = 0; time < times; time++) await watch.look()
  }
  return { server, watch, hung, miss, [Symbol.dispose]: () => server.kill() }
}

/** Answers come in the order of what was asked: by now those before have been read. */
async function untilAnswered(server: FakeFileServer): Promise<void> {
  const status = server.control.call(FILES.status, undefined)
  status.stdout.resume()
  await status.result
}

test("a server that answers is asked at every look, and left alone", async () => {
  using bench = watched()
  for (let looks = 1; looks <= 5; looks++) {
    await bench.watch.look()
    await untilAnswered(bench.server)
    assert.equal(bench.server.asked, 2 * looks)
  }
  assert.deepEqual(bench.hung, [])
})

test("one that owes an answer at as many looks as may be hangs, and this is told once", async () => {
  using bench = watched()
  bench.server.onStatus = () => bench.server.ended
  await bench.watch.look()
  await eventually(() => bench.server.asked === 1)
  await bench.miss(TREE_LIMITS.hungLooks - 1)
  assert.deepEqual(bench.hung, [])
  await bench.watch.look()
  assert.deepEqual(bench.hung, [1], "it was asked one thing, once")
})

test("an answer that comes late counts as one, and the misses before it are forgotten", async () => {
  using bench = watched()
  const late = Promise.withResolvers<void>()
  bench.server.onStatus = () => late.promise
  await bench.watch.look()
  await bench.miss(TREE_LIMITS.hungLooks - 1)
  late.resolve()
  await untilAnswered(bench.server)
  bench.server.onStatus = () => bench.server.ended
  await bench.watch.look()
  await bench.miss(TREE_LIMITS.hungLooks - 1)
  assert.deepEqual(bench.hung, [])
})

test("one that waits for a disk is not killed, however long it does, and is once it hangs otherwise", async () => {
  using bench = watched()
  bench.server.onStatus = () => bench.server.ended
  bench.server.waits = true
  await bench.watch.look()
  await bench.miss(10 * TREE_LIMITS.hungLooks)
  assert.deepEqual(bench.hung, [])
  bench.server.waits = false
  await bench.miss(TREE_LIMITS.hungLooks)
  assert.equal(bench.hung.length, 1)
})
