import assert from "node:assert/strict"
import { closeSync } from "node:fs"
import { test } from "node:test"
import { faultWords } from "@skerry/files/fault-words"
import { FakeFileServer } from "../testing/fake-file-servers.ts"
import { Supervisor } from "./supervisor.ts"
import { eventually } from "./testing.ts"

const ROOT = { kind: "store", limitMiB: null } as const
const TREES = [{ attachName: "tree", access: "read", tree: { kind: "directory", only: "" } }] as const

/** One supervisor whose servers meet what the test thinks of. */
class Bench implements AsyncDisposable {
  readonly servers: FakeFileServer[] = []
  /** By label. */
  readonly lost = new Map<number, string>()
  readonly reconnected: number[] = []
  readonly notices: string[] = []
  readonly supervisor: Supervisor
  now = 0
  /** A client is joined to a server again, and so can ask it for something. */
  onJoined: (server: FakeFileServer, label: number) => void = () => {}

  constructor(onServe: (server: FakeFileServer, label: number) => void, lookMs?: number) {
    this.supervisor = new Supervisor({
      name: "the directory",
      start: async () => {
        const server = new FakeFileServer(ROOT, { key: undefined, asked: [], quotas: new Map() })
        server.onServe = (label) => onServe(server, label)
        this.servers.push(server)
        return server
      },
      monotonicMs: () => this.now,
      onNotice: (text) => this.notices.push(text),
      restartMs: 1,
      probationMs: 50,
      ...(lookMs === undefined ? {} : { lookMs }),
    })
  }

  async attach(count: number): Promise<void> {
    for (let label = 1; label <= count; label++) {
      const { fd } = await this.supervisor.attach([...TREES], {
        onReconnect: async (again) => {
          closeSync(again)
          this.reconnected.push(label)
          this.onJoined(this.servers.at(-1) as FakeFileServer, label)
        },
        onLost: (why) => this.lost.set(label, why),
      })
      closeSync(fd)
    }
  }

  get isServing(): boolean {
    return this.supervisor.isRunning && this.servers.at(-1)?.clients.size === this.supervisor.clients
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.end()
  }
}

test("a server that dies while its clients are being served again loses none of them", async () => {
  let deaths = 0
  await using bench = new Bench((server, label) => {
    if (bench.servers.length === 1 || label !== 2 || deaths++ > 0) return
    server.kill()
  })
  await bench.attach(4)
  bench.servers[0]?.kill()
  await eventually(() => bench.isServing && bench.servers.length === 3)
  assert.deepEqual([...bench.lost], [])
  assert.equal(bench.supervisor.clients, 4)
})

test("a client whose request ends one server after the other is given up, and the others go on", async () => {
  const poison = (server: FakeFileServer) => server.kill(`it said last: ${faultWords(2, "no such node")}`)
  await using bench = new Bench((server, label) => {
    // Whenever it likes: after all are served again.
    if (bench.servers.length > 1 && label === 3) setTimeout(() => poison(server), 5)
  })
  await bench.attach(3)
  poison(bench.servers[0] as FakeFileServer)
  await eventually(() => bench.lost.size > 0)
  await eventually(() => bench.isServing)
  assert.deepEqual([...bench.lost.keys()], [2])
  assert.match(bench.lost.get(2) ?? "", /its requests ended the file server 3 times: .*no such node/)
  assert.equal(bench.supervisor.clients, 2)
})

test("one that does so once in a while is given up all the same", async () => {
  await using bench = new Bench(() => {})
  await bench.attach(2)
  for (let times = 1; times <= 3; times++) {
    await eventually(() => bench.servers.length === times && bench.isServing)
    bench.now += 3_600_000
    bench.servers.at(-1)?.kill(faultWords(1, "again"))
  }
  await eventually(() => bench.lost.size > 0 && bench.isServing)
  assert.deepEqual([...bench.lost.keys()], [1])
})

test("what a server said at its end counts, also where its connection failed before", async () => {
  await using bench = new Bench(() => {})
  await bench.attach(2)
  for (let times = 1; times <= 3; times++) {
    await eventually(() => bench.servers.length === times && bench.isServing)
    bench.now += 3_600_000
    bench.servers.at(-1)?.reset(faultWords(1, "again"))
  }
  await eventually(() => bench.lost.size > 0 && bench.isServing)
  assert.deepEqual([...bench.lost.keys()], [1])
})

test("where nobody says whose request it was, clients are served one after the other until it shows", async () => {
  await using bench = new Bench(() => {})
  bench.onJoined = (server, label) => {
    if (label === 2) setTimeout(() => server.kill("out of memory"), 10)
  }
  await bench.attach(3)
  bench.servers[0]?.kill("out of memory")
  await eventually(() => bench.lost.size > 0 && bench.isServing)
  assert.deepEqual([...bench.lost.keys()], [2])
  assert.equal(bench.supervisor.clients, 2)
})

test("a server that was started anew knows of all clients before any of them can speak to it", async () => {
  await using bench = new Bench(() => {})
  await bench.attach(3)
  const known: number[] = []
  bench.onJoined = (server) => known.push(server.again.size)
  bench.servers[0]?.kill()
  await eventually(() => bench.servers.length === 2 && bench.isServing && known.length === 3)
  assert.deepEqual(known, [3, 3, 3])
})

test("words about a client that is not there change nothing", async () => {
  await using bench = new Bench(() => {})
  await bench.attach(1)
  for (let times = 1; times <= 4; times++) {
    await eventually(() => bench.servers.length === times && bench.isServing)
    bench.servers.at(-1)?.kill(faultWords(99, "made up"))
  }
  await eventually(() => bench.servers.length === 5 && bench.isServing)
  assert.deepEqual([...bench.lost], [])
})

test("a server that hangs is killed, and its clients go on with the next one", async () => {
  await using bench = new Bench(() => {}, 5)
  await bench.attach(2)
  const [first] = bench.servers
  assert.ok(first)
  first.onStatus = () => first.ended
  await eventually(() => bench.servers.length === 2 && bench.isServing)
  assert.deepEqual([bench.reconnected, [...bench.lost]], [[1, 2], []])
  assert.match(bench.notices.join("\n"), /the directory has answered nothing for [\d.]+ s: it is killed/)
})

test("one that hangs while clients are served again loses none of them", async () => {
  let hangs = 0
  await using bench = new Bench((server, label) => {
    if (bench.servers.length === 1 || label !== 2 || hangs++ > 0) return
    server.onStatus = () => server.ended
    throw new Error("it hangs")
  }, 5)
  await bench.attach(3)
  bench.servers[0]?.kill()
  await eventually(() => bench.isServing && bench.servers.length === 3)
  assert.deepEqual([...bench.lost], [])
})

test("a client that makes one server after the other hang is given up, and the others go on", async () => {
  await using bench = new Bench(() => {}, 5)
  bench.onJoined = (server, label) => {
    if (label === 2) server.onStatus = () => server.ended
  }
  await bench.attach(3)
  bench.servers[0]?.kill()
  await eventually(() => bench.lost.size > 0 && bench.isServing, 10_000)
  assert.deepEqual([...bench.lost.keys()], [2])
})
