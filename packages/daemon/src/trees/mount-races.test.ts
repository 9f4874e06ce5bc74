import assert from "node:assert/strict"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ADMIN, type AuditRow, type DirectoryGrantRow } from "@skerry/rpc"
import { FakeFileServers } from "../testing/fake-file-servers.ts"
import { failsWith, list, startTestDaemon, type TestDaemon } from "../testing/test-daemon.ts"
import type { FileServerHost } from "./file-server.ts"
import { eventually } from "./testing.ts"

type Options = Parameters<typeof startTestDaemon>[0]

async function start(options: Options = {}): Promise<{ daemon: TestDaemon; downloads: string }> {
  const daemon = await startTestDaemon(options)
  const downloads = join(daemon.paths.configuration, "../home/Downloads")
  mkdirSync(downloads, { recursive: true })
  return { daemon, downloads }
}

const give = (daemon: TestDaemon, path: string, wanted: { at?: string; seconds?: number } = {}) => {
  const params = { instance: "mail", path, access: "read", at: "", seconds: 0, ...wanted } as const
  return daemon.connect().call(ADMIN.grantDirectory, params).result
}
const revoke = (daemon: TestDaemon, id: number) =>
  daemon.connect().call(ADMIN.revokeDirectory, { ids: [id] }).result
const startDomain = (daemon: TestDaemon) => daemon.connect().call(ADMIN.start, { instance: "mail" }).result
const grants = (daemon: TestDaemon) =>
  list<undefined, DirectoryGrantRow>(daemon.connect(), ADMIN.listDirectoryGrants, undefined)
const portsOf = (daemon: TestDaemon) => daemon.backend.domains.get("mail" as never)?.portChanges ?? []

test("a guest that never says that it has a grant loses it within a second all the same", async () => {
  const { daemon, downloads } = await start()
  await using _ = daemon
  await startDomain(daemon)
  daemon.record.unmounts = "never"
  const given = give(daemon, downloads, { at: "/srv/never" })
  given.catch(() => {})
  await eventually(() => daemon.record.told.includes("mount tree.1 /srv/never read shared"))
  const [row] = await grants(daemon)
  const begun = performance.now()
  await revoke(daemon, row?.id ?? 0)
  assert.ok(performance.now() - begun < 1000)
  assert.deepEqual(portsOf(daemon), ["add tree.1", "remove tree.1"])
  assert.deepEqual(await grants(daemon), [])
  await eventually(() => daemon.files.running.length === 0)
})

test("so does one that never says so while it starts, and its start goes on", async () => {
  const { daemon, downloads } = await start()
  await using _ = daemon
  const { id } = await give(daemon, downloads, { at: "/srv/never" })
  const started = startDomain(daemon)
  await eventually(() => daemon.record.told.includes("mount tree.1 /srv/never read shared"))
  daemon.record.unmounts = "never"
  const begun = performance.now()
  await revoke(daemon, id)
  await started
  assert.ok(performance.now() - begun < 1000)
  assert.deepEqual(portsOf(daemon), ["add tree.1", "remove tree.1"])
})

test("a grant's time runs while a guest keeps it waiting, and what it was is in the audit log", async () => {
  const { daemon, downloads } = await start()
  await using _ = daemon
  await startDomain(daemon)
  give(daemon, downloads, { at: "/srv/never", seconds: 60 }).catch(() => {})
  await eventually(() => daemon.record.told.includes("mount tree.1 /srv/never read shared"))
  daemon.wallOffsetMs = 60_000
  await eventually(() => portsOf(daemon).includes("remove tree.1"))
  const everything = { source: "", target: "", service: "", since: 0n, follow: false }
  const rows = await list<typeof everything, AuditRow>(daemon.connect(), ADMIN.audit, everything)
  assert.deepEqual(
    rows.filter(({ kind }) => kind === "directory").map(({ verdict, why }) => [verdict, why]),
    [
      ["allow", "granted"],
      ["deny", "its time was over"],
    ],
  )
})

test("a grant does not last longer because the host's clock was set back", async () => {
  let monotonicOffset = 0
  const { daemon, downloads } = await start({
    more: { monotonicMs: () => performance.now() + monotonicOffset },
  })
  await using _ = daemon
  await give(daemon, downloads, { seconds: 60 })
  daemon.wallOffsetMs = -3_600_000
  monotonicOffset = 60_000
  const deadline = performance.now() + 5_000
  while ((await grants(daemon)).length > 0) assert.ok(performance.now() < deadline)
})

test("a grant whose time ran out while the host slept is not mounted by a domain that starts first thing", async () => {
  const { daemon, downloads } = await start()
  await using _ = daemon
  await give(daemon, downloads, { seconds: 60 })
  // The clock that is never set stands still in a sleep, and no timer fires at once.
  const started = startDomain(daemon)
  daemon.wallOffsetMs = 3_600_000
  await started
  assert.deepEqual(portsOf(daemon), [])
})

test("what is granted to a domain that is on its way out is refused, or is its next one's", async () => {
  const { daemon, downloads } = await start()
  await using _ = daemon
  await startDomain(daemon)
  const stopped = daemon.connect().call(ADMIN.stop, { domain: "mail", force: false }).result
  const given = give(daemon, downloads).then(
    () => 1,
    () => 0,
  )
  await stopped
  const count = await given
  assert.equal((await grants(daemon)).length, count)
  await eventually(() => daemon.files.running.length === 0)
  await startDomain(daemon)
  assert.equal(portsOf(daemon).length, count)
})

/** Starts a server for each only when it is let go. */
function heldHost(): FileServerHost & { readonly files: FakeFileServers; letGo(): void; asked: number } {
  const files = new FakeFileServers()
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    files,
    letGo: resolve,
    asked: 0,
    async start(root, signal) {
      this.asked += 1
      await promise
      return await files.start(root, signal)
    },
  }
}

test("a domain that ends while its directories' servers are being started leaves no server behind", async () => {
  const host = heldHost()
  const { daemon, downloads } = await start({ more: { fileServers: { process: host, vm: undefined } } })
  await using _ = daemon
  await give(daemon, downloads)
  const started = startDomain(daemon)
  started.catch(() => {})
  await eventually(() => host.asked === 1)
  daemon.backend.endDomain("mail" as never, { kind: "killed", signal: "SIGKILL" })
  await assert.rejects(started)
  host.letGo()
  await eventually(() => host.files.starts === 1)
  await eventually(() => host.files.running.length === 0)
})

test("a grant that is taken back while its server is being started reaches nobody, and leaves no server behind", async () => {
  const host = heldHost()
  const { daemon, downloads } = await start({ more: { fileServers: { process: host, vm: undefined } } })
  await using _ = daemon
  await startDomain(daemon)
  const given = give(daemon, downloads)
  given.catch(() => {})
  await eventually(() => host.asked === 1)
  const [row] = await grants(daemon)
  await revoke(daemon, row?.id ?? 0)
  host.letGo()
  await assert.rejects(given, failsWith("cancelled", /was taken back meanwhile/))
  await eventually(() => host.files.starts === 1 && host.files.running.length === 0)
  assert.deepEqual(portsOf(daemon), [])
})
