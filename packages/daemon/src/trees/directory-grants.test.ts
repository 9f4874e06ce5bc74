import assert from "node:assert/strict"
import { mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ADMIN, type AuditRow, type DirectoryGrantRow } from "@skerry/rpc"
import { command, failsWith, list, run, startTestDaemon, type TestDaemon } from "../testing/test-daemon.ts"
import { TREE_LIMITS } from "./limits.ts"
import { eventually } from "./testing.ts"

interface Wanted {
  readonly instance?: string
  readonly access?: "read" | "write"
  readonly at?: string
  readonly seconds?: number
}

/** A daemon whose user has a home with a file and a directory in it. */
async function start(): Promise<TestDaemon & { readonly home: string }> {
  const daemon = await startTestDaemon()
  const home = join(daemon.paths.configuration, "../home")
  mkdirSync(join(home, "Downloads"), { recursive: true })
  mkdirSync(join(home, ".ssh"))
  writeFileSync(join(home, "Downloads/report.pdf"), "text")
  writeFileSync(join(home, ".ssh/id"), "key")
  return Object.assign(daemon, { home })
}

const give = (daemon: TestDaemon, path: string, { instance = "mail", ...wanted }: Wanted = {}) =>
  daemon
    .connect()
    .call(ADMIN.grantDirectory, { instance, path, access: "read", at: "", seconds: 0, ...wanted }).result
const take = (daemon: TestDaemon, ...ids: number[]) =>
  daemon.connect().call(ADMIN.revokeDirectory, { ids }).result
const grants = (daemon: TestDaemon) =>
  list<undefined, DirectoryGrantRow>(daemon.connect(), ADMIN.listDirectoryGrants, undefined)
const startDomain = (daemon: TestDaemon, instance: string) =>
  daemon.connect().call(ADMIN.start, { instance }).result
const portsOf = (daemon: TestDaemon, domain = "mail") =>
  daemon.backend.domains.get(domain as never)?.portChanges ?? []

test("a file is there in the running domain when its grant is answered, and gone when it is revoked", async () => {
  await using daemon = await start()
  await startDomain(daemon, "mail")
  const { id, at } = await give(daemon, join(daemon.home, "Downloads/report.pdf"))
  assert.equal(at, "/mnt/report.pdf")
  assert.deepEqual(daemon.record.told.slice(1), ["mount tree.1 /mnt/report.pdf read shared report.pdf"])
  const [row] = await grants(daemon)
  assert.deepEqual([row?.instance, row?.kind, row?.domain, row?.until], ["mail", "file", "mail", undefined])
  assert.deepEqual(await take(daemon, id), { revoked: 1 })
  assert.deepEqual(daemon.record.told.slice(2), ["unmount tree.1"])
  assert.deepEqual(portsOf(daemon), ["add tree.1", "remove tree.1"])
  assert.deepEqual(await grants(daemon), [])
  await eventually(() => daemon.files.running.length === 0)
})

test("a guest that does not let go loses it all the same, within a second", async () => {
  await using daemon = await start()
  await startDomain(daemon, "mail")
  const { id } = await give(daemon, join(daemon.home, "Downloads"), { access: "write" })
  daemon.record.unmounts = "never"
  const begun = performance.now()
  await take(daemon, id)
  assert.ok(performance.now() - begun < 1000)
  assert.deepEqual(portsOf(daemon), ["add tree.1", "remove tree.1"])
})

test("a grant whose time is over is taken back by itself, also while its domain does not run", async () => {
  await using daemon = await start()
  await startDomain(daemon, "mail")
  await give(daemon, join(daemon.home, "Downloads"), { seconds: 60 })
  await give(daemon, join(daemon.home, "Downloads"), { instance: "bank", seconds: 60 })
  await give(daemon, join(daemon.home, "Downloads"), { instance: "pdf", seconds: 61 })
  daemon.wallOffsetMs = 60_000
  await eventually(() => daemon.record.told.includes("unmount tree.1"))
  assert.deepEqual(
    (await grants(daemon)).map(({ instance }) => instance),
    ["pdf"],
  )
})

test("a grant goes to its instance each time that it runs, and to none of its disposables", async () => {
  await using daemon = await start()
  await give(daemon, join(daemon.home, "Downloads"))
  for (let times = 1; times <= 2; times++) {
    await startDomain(daemon, "mail")
    await daemon.connect().call(ADMIN.stop, { domain: "mail", force: false }).result
    assert.equal(daemon.record.told.filter((each) => each.startsWith("mount tree.1 ")).length, times)
  }
  await run(daemon.connect(), "mail", command("true"))
  assert.equal(daemon.record.told.filter((each) => each.startsWith("mount")).length, 2)
})

test("a disposable that runs can be given something, which ends with it", async () => {
  await using daemon = await start()
  const running = run(daemon.connect(), "mail", command("sleep"))
  running.catch(() => {})
  await eventually(() => daemon.record.told.includes("exec sleep"))
  const [domain = ""] = [...daemon.backend.domains.keys()]
  await give(daemon, join(daemon.home, "Downloads"), { instance: domain })
  assert.equal((await grants(daemon))[0]?.domain, domain)
  daemon.backend.endDomain(domain as never, { kind: "powered-off" })
  await assert.rejects(running)
  await eventually(() => daemon.files.running.length === 0)
  assert.deepEqual(await grants(daemon), [])
})

test("what was opened is what was granted, whatever its path leads to later", async () => {
  await using daemon = await start()
  const downloads = join(daemon.home, "Downloads")
  await give(daemon, downloads)
  renameSync(downloads, join(daemon.home, "moved"))
  symlinkSync(join(daemon.home, ".ssh"), downloads)
  await startDomain(daemon, "mail")
  await eventually(() => daemon.files.running.length === 1)
  const root = daemon.files.running[0]?.root
  assert.equal(root?.kind === "directory" && root.path, downloads)
  // The handle that the server was given still leads to the directory of then.
  assert.equal((await grants(daemon))[0]?.domain, "mail")
})

test("a path through a symlink, or to nothing, a device or Skerry's own folders is not granted", async () => {
  await using daemon = await start()
  const { home, paths } = daemon
  symlinkSync(join(home, ".ssh"), join(home, "Downloads/keys"))
  symlinkSync(join(home, ".ssh/id"), join(home, "Downloads/invoice.pdf"))
  for (const [path, message] of [
    ["/", /all of this machine/],
    ["/proc/self", /\/proc is no place for files/],
    ["/dev/null", /\/dev is no place/],
    [join(home, "missing"), /there is no such file/],
    [join(home, "Downloads/keys"), /it is a symlink/],
    [join(home, "Downloads/keys/id"), /it leads to ".*\.ssh\/id"; name that/],
    [join(home, "Downloads/invoice.pdf"), /it is a symlink/],
    [paths.state, /Skerry's own folder/],
    [join(paths.configuration, "skerry.config.ts"), /Skerry's own folder/],
    [join(paths.runtime, "x"), /Skerry's own folder/],
    [join(paths.state, ".."), /Skerry's own folder/],
  ] as const) {
    await assert.rejects(give(daemon, path), failsWith("bad-request", message), path)
  }
  assert.deepEqual(await grants(daemon), [])
})

test("Skerry's own folders are not granted by the path that they really have, either", async () => {
  await using daemon = await start()
  const { paths, home } = daemon
  renameSync(paths.state, join(home, "real-state"))
  symlinkSync(join(home, "real-state"), paths.state)
  await assert.rejects(
    give(daemon, join(home, "real-state")),
    failsWith("bad-request", /Skerry's own folder/),
  )
})

test("a folder of keys is granted with a warning", async () => {
  await using daemon = await start()
  const { warnings } = await give(daemon, join(daemon.home, ".ssh"))
  assert.match(warnings.join(), /\.ssh holds keys or passwords/)
  assert.deepEqual((await give(daemon, join(daemon.home, "Downloads"))).warnings, [])
})

test("places that cannot be, or are taken, are refused, and so is an instance that is not there or takes no directories", async () => {
  await using daemon = await start()
  const downloads = join(daemon.home, "Downloads")
  await give(daemon, downloads, { at: "/srv/a" })
  for (const at of ["/srv/a", "/srv/a/b", "/srv", "/", "/proc/x", "relative", "/a/../b"]) {
    await assert.rejects(give(daemon, downloads, { at }), failsWith("bad-request", /Cannot put/), at)
  }
  await assert.rejects(
    give(daemon, downloads, { instance: "nobody" }),
    failsWith("unknown-instance", /nobody/),
  )
  await assert.rejects(give(daemon, downloads, { instance: "light" }), failsWith("unusable", /light|process/))
  await assert.rejects(take(daemon, 99), failsWith("bad-request", /no directory grant 99/))
})

test("a grant that the running domain refuses is none", async () => {
  await using daemon = await start()
  await startDomain(daemon, "mail")
  const wanted = { at: "/srv/refused" }
  await assert.rejects(
    give(daemon, join(daemon.home, "Downloads"), wanted),
    failsWith("start-failed", /did not answer/),
  )
  assert.deepEqual(await grants(daemon), [])
  await eventually(() => daemon.files.running.length === 0)
})

test("what was granted and taken back is in the audit log", async () => {
  await using daemon = await start()
  const path = join(daemon.home, "Downloads")
  await give(daemon, path, { seconds: 10, access: "write" })
  await take(daemon, 1)
  const everything = { source: "", target: "", service: "", since: 0n, follow: false }
  const rows = await list<typeof everything, AuditRow>(daemon.connect(), ADMIN.audit, everything)
  const told = rows.filter(({ kind }) => kind === "directory")
  assert.deepEqual(
    told.map(({ target, argument, verdict, why }) => [target, argument, verdict, why]),
    [
      ["mail", path, "allow", "granted"],
      ["mail", path, "deny", "revoked"],
    ],
  )
  assert.match(told[0]?.note ?? "", /directory grant 1: to write, at \/mnt\/Downloads/)
})

test("as many grants as may be are taken, and not one more", async () => {
  await using daemon = await start()
  const connection = daemon.connect()
  const params = {
    instance: "mail",
    path: join(daemon.home, "Downloads"),
    access: "read" as const,
    seconds: 0,
  }
  for (let count = 0; count < TREE_LIMITS.grants; count++) {
    await connection.call(ADMIN.grantDirectory, { ...params, at: `/srv/${count}` }).result
  }
  await assert.rejects(
    connection.call(ADMIN.grantDirectory, { ...params, at: "/srv/more" }).result,
    failsWith("full", /256 directories are granted/),
  )
})

test("of grants for several instances at once no more are taken than may be", async () => {
  await using daemon = await start()
  const connection = daemon.connect()
  const params = { path: join(daemon.home, "Downloads"), access: "read" as const, seconds: 0 }
  for (let count = 1; count < TREE_LIMITS.grants; count++) {
    await connection.call(ADMIN.grantDirectory, { ...params, instance: "mail", at: `/srv/${count}` }).result
  }
  const last = ["bank", "pdf"].map(
    (instance) => connection.call(ADMIN.grantDirectory, { ...params, instance, at: "/srv/last" }).result,
  )
  const outcomes = await Promise.allSettled(last)
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"])
  assert.equal((await grants(daemon)).length, TREE_LIMITS.grants)
})

test("two thousand grants that are refused leave no descriptor open", async () => {
  await using daemon = await start()
  const connection = daemon.connect()
  const params = { instance: "mail", access: "read" as const, seconds: 0 }
  const path = join(daemon.home, "Downloads")
  await connection.call(ADMIN.grantDirectory, { ...params, path, at: "/srv/a" }).result
  assert.equal(descriptorsOf(path), 1)
  let refused = 0
  for (let round = 0; round < 20; round++) {
    // Taken already, not there, a file, and through "..".
    const wanted = [path, `${path}/missing`, `${path}/report.pdf`, `${path}/../Downloads`]
    const asked = Array.from({ length: 25 }, () => wanted).flat()
    const outcomes = await Promise.allSettled(
      asked.map(
        (each) => connection.call(ADMIN.grantDirectory, { ...params, path: each, at: "/srv/a" }).result,
      ),
    )
    refused += outcomes.filter(({ status }) => status === "rejected").length
  }
  assert.equal(refused, 2_000)
  assert.equal(descriptorsOf(path), 1)
  assert.equal((await grants(daemon)).length, 1)
})

/** Of this process, those that lead there. */
function descriptorsOf(path: string): number {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return "" // The one that the folder was listed by.
    }
  })
  return targets.filter((target) => target === path).length
}
