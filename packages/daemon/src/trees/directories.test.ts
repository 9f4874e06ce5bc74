import assert from "node:assert/strict"
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import type { DirectoryResource, Grant, InstanceName, ResourceName, System, TreeName } from "@skerry/model"
import { ADMIN } from "@skerry/rpc"
import {
  command,
  failsWith,
  generation,
  list,
  run,
  startTestDaemon,
  type TestDaemon,
  tinySystem,
} from "../testing/test-daemon.ts"
import { eventually } from "./testing.ts"

const stateTree = (tree: string, quotaMiB: number | null = null): DirectoryResource => ({
  kind: "directory",
  origin: { kind: "state", tree: tree as TreeName, quotaMiB },
  access: "write",
  at: "/home/user",
})
const hostPath = (path: string): DirectoryResource => ({
  kind: "directory",
  origin: { kind: "host", path },
  access: "read",
  at: "/mnt/x",
})
const grant = (resource: string, at: string, access: "read" | "write" = "write"): Grant => ({
  resource: resource as ResourceName,
  at,
  access,
})

function systemWith(
  resources: Readonly<Record<string, DirectoryResource>>,
  grants: Readonly<Record<string, readonly Grant[]>>,
  base = tinySystem(),
): System {
  const instances = Object.fromEntries(
    Object.entries(base.instances).map(([name, each]) => [name, { ...each, grants: grants[name] ?? [] }]),
  ) as System["instances"]
  return { ...base, resources: resources as System["resources"], instances }
}

/** `mail` has a tree of its own and shares another with `bank`; `pdf` has a directory of the host. */
const SYSTEM = systemWith(
  { home: stateTree("mail", 5), shared: stateTree("shared"), tax: hostPath("~/tax") },
  {
    mail: [grant("home", "/home/user"), grant("shared", "/srv/shared")],
    bank: [grant("shared", "/srv/shared", "read")],
    pdf: [grant("tax", "/mnt/tax", "read")],
  },
)

async function start(
  options: Parameters<typeof startTestDaemon>[0] = {},
  system = SYSTEM,
): Promise<TestDaemon> {
  const daemon = await startTestDaemon(options)
  daemon.current = generation(1, system)
  mkdirSync(join(daemon.paths.configuration, "../home/tax"), { recursive: true })
  return daemon
}

const startDomain = (daemon: TestDaemon, instance: string) =>
  daemon.connect().call(ADMIN.start, { instance }).result
const stop = (daemon: TestDaemon, domain: string, force = false) =>
  daemon.connect().call(ADMIN.stop, { domain, force }).result

test("a domain's directories are there before its first command, and kept as versions when it stops", async () => {
  await using daemon = await start()
  const { told } = daemon.record
  await run(daemon.connect(), "mail", command("true"), { isDisposable: false })
  assert.deepEqual(told, [
    "identify mail",
    "mount tree.1 /home/user write private",
    "mount tree.2 /srv/shared write shared",
    "exec true",
  ])
  assert.deepEqual([...daemon.files.store.quotas], [["mail", 5n * 1024n * 1024n]])
  await stop(daemon, "mail")
  assert.deepEqual(told.slice(4), ["synchronise", "shutdown"])
  const { asked } = daemon.files.store
  assert.deepEqual(asked.slice(0, 5), [
    "unlock",
    "drop 1",
    "drop 2",
    "snapshot mail stop",
    "snapshot shared stop",
  ])
  await eventually(() => asked.at(-1) === "prune 7")
})

test("a domain without directories starts no file server", async () => {
  await using daemon = await start({}, tinySystem())
  await run(daemon.connect(), "mail", command("true"), { isDisposable: false })
  await stop(daemon, "mail")
  assert.equal(daemon.files.starts, 0)
  assert.deepEqual(daemon.record.told, ["identify mail", "exec true", "shutdown"])
})

test("a command that comes while directories are being mounted waits for them", async () => {
  await using daemon = await start(
    {},
    systemWith({ home: stateTree("x") }, { mail: [grant("home", "/srv/never")] }),
  )
  const started = startDomain(daemon, "mail")
  started.catch(() => {})
  await eventually(() => daemon.record.told.length === 2)
  const asked = daemon.connect().call(ADMIN.exec, { domain: "mail", command: command("true") })
  await assert.rejects(asked.result, failsWith("wrong-state", /"mail" is mounting/))
  assert.equal(daemon.record.told.includes("exec true"), false)
})

test("a disposable reads its instance's state and writes none, and what it wrote elsewhere is not lost", async () => {
  const system = systemWith(
    { home: stateTree("mail"), out: { ...hostPath("~/tax"), access: "write" } },
    { mail: [grant("home", "/home/user"), grant("out", "/mnt/out")] },
  )
  await using daemon = await start({}, system)
  await run(daemon.connect(), "mail", command("true"))
  await eventually(() => daemon.record.told.includes("shutdown"))
  assert.deepEqual(daemon.record.told.slice(1), [
    "mount tree.1 /home/user read shared",
    "mount tree.2 /mnt/out write shared",
    "exec true",
    "synchronise",
    "shutdown",
  ])
  await eventually(() => daemon.files.running.every(({ root }) => root.kind === "store"))
  assert.deepEqual(
    daemon.files.store.asked.filter((each) => each.startsWith("snapshot")),
    [],
  )
})

test("each directory of the host has a server of its own, for as long as somebody has it", async () => {
  await using daemon = await start()
  await startDomain(daemon, "pdf")
  await startDomain(daemon, "bank")
  const roots = daemon.files.running.map(({ root }) =>
    root.kind === "store" ? "store" : `${root.path} ${root.access}`,
  )
  assert.deepEqual(roots, [`${daemon.paths.configuration.replace(/config$/, "home/tax")} read`, "store"])
  await stop(daemon, "pdf")
  assert.equal(daemon.files.running.length, 1)
})

test("a directory that is missing, Skerry's own, or refused by the guest keeps its domain from starting, and says why", async () => {
  const own = (path: string) => systemWith({ x: hostPath(path) }, { mail: [grant("x", "/mnt/x", "read")] })
  await using daemon = await start({}, own("~/nowhere"))
  await assert.rejects(
    startDomain(daemon, "mail"),
    failsWith("bad-request", /"~\/nowhere": there is no such/),
  )
  daemon.current = generation(2, own(daemon.paths.state))
  await assert.rejects(startDomain(daemon, "mail"), failsWith("bad-request", /Skerry's own folder/))
  daemon.current = generation(3, own("/"))
  await assert.rejects(startDomain(daemon, "mail"), failsWith("bad-request", /all of this machine/))
  const refused = systemWith({ x: hostPath("~/tax") }, { mail: [grant("x", "/srv/refused", "read")] })
  daemon.current = generation(4, refused)
  await assert.rejects(
    startDomain(daemon, "mail"),
    failsWith("start-failed", /^Cannot give "x" at \/srv\/refused: its file server did not answer/),
  )
  assert.ok(daemon.record.told.includes("unmount tree.1"))
  await eventually(() => daemon.files.running.length === 0)
})

test("the key of a store is made at its first use, for its owner alone, and used from then on", async () => {
  await using daemon = await start()
  await startDomain(daemon, "mail")
  const path = join(daemon.paths.configuration, "state.key")
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.match(readFileSync(path, "utf8"), /^[0-9a-f]{64}\n$/)
  assert.equal(daemon.files.store.key?.kind, "keyFile")
})

test("a store with a passphrase is locked until it is given, and then outlives its server's death", async () => {
  await using daemon = await start()
  const key = { kind: "passphrase" as const, passphrase: "right" }
  daemon.files.store.key = key
  await assert.rejects(
    startDomain(daemon, "mail"),
    failsWith("wrong-state", /is locked: run "skerry state unlock"/),
  )
  const unlock = (passphrase: string) =>
    daemon.connect().call(ADMIN.stateUnlock, { key: { kind: "passphrase", passphrase } }).result
  await assert.rejects(unlock("wrong"), failsWith("wrong-key", /does not open/))
  await unlock("right")
  await unlock("ignored: it is open")
  await startDomain(daemon, "mail")
  daemon.files.running[0]?.kill()
  await eventually(() => daemon.files.starts === 2 && daemon.files.running[0]?.clients.size === 2)
  const changes = daemon.backend.domains.get("mail" as never)?.portChanges
  await eventually(() => changes?.length === 6)
  assert.deepEqual(changes, [
    ...["add tree.1", "add tree.2"],
    ...["remove tree.1", "add tree.1", "remove tree.2", "add tree.2"],
  ])
  assert.equal(daemon.record.told.filter((each) => each.startsWith("mount")).length, 2)
})

test("a server that dies again and again is given up, and its trees are taken away", async () => {
  await using daemon = await start()
  await startDomain(daemon, "bank")
  daemon.files.faults.push(...new Array<string>(20).fill("no more processes"))
  daemon.files.running[0]?.kill()
  await eventually(() => daemon.record.told.includes("unmount tree.1"))
  assert.ok(daemon.files.starts < 12, `${daemon.files.starts} starts`)
  assert.deepEqual(daemon.backend.domains.get("bank" as never)?.ports.size, 0)
  const logs = await list(daemon.connect(), ADMIN.logs, { domain: "bank", follow: false })
  assert.ok(JSON.stringify(logs).includes("ended too often: "))
})

test("a tree that one domain has for itself cannot be shared before that domain has ended", async () => {
  const alone = systemWith({ home: stateTree("x") }, { mail: [grant("home", "/home/user")] })
  const both = systemWith(
    { home: stateTree("x") },
    { mail: [grant("home", "/a")], bank: [grant("home", "/a")] },
  )
  await using daemon = await start({}, alone)
  await startDomain(daemon, "mail")
  daemon.current = generation(2, both)
  await assert.rejects(startDomain(daemon, "bank"), failsWith("wrong-state", /run "skerry stop mail" first/))
  await stop(daemon, "mail")
  await startDomain(daemon, "bank")
  await startDomain(daemon, "mail")
})

test("a domain that is killed keeps what had reached its server, as a version", async () => {
  await using daemon = await start()
  await startDomain(daemon, "mail")
  daemon.backend.endDomain("mail" as InstanceName as never, { kind: "killed", signal: "SIGKILL" })
  await eventually(() => daemon.files.store.asked.includes("snapshot shared stop"))
  assert.equal(daemon.record.told.includes("synchronise"), false)
})

test("more directories than a domain may have keep it from starting", async () => {
  const many = (count: number) => {
    const names = Array.from({ length: count }, (_, index) => `t${index}`)
    const resources = Object.fromEntries(names.map((name) => [name, stateTree(name)]))
    return systemWith(resources, { mail: names.map((name) => grant(name, `/srv/${name}`)) })
  }
  await using daemon = await start({}, many(16))
  await startDomain(daemon, "mail")
  await stop(daemon, "mail", true)
  daemon.current = generation(2, many(17))
  await assert.rejects(
    startDomain(daemon, "mail"),
    failsWith("full", /has 16 directories, as many as it may/),
  )
})

test("versions are kept while a domain runs, after it has written what it holds", async () => {
  const base = tinySystem({ state: { ...tinySystem().settings.state, snapshotMinutes: 1 } })
  const system = systemWith({ home: stateTree("x") }, { mail: [grant("home", "/home/user")] }, base)
  await using daemon = await start({ more: { minuteMs: 10 } }, system)
  await startDomain(daemon, "mail")
  const { asked } = daemon.files.store
  await eventually(() => asked.filter((each) => each === "snapshot x interval").length >= 2)
  assert.ok(daemon.record.told.includes("synchronise"))
})

test("versions are pruned once a day, whichever daemon it is", async () => {
  await using daemon = await start()
  const once = async () => {
    await startDomain(daemon, "mail")
    await stop(daemon, "mail")
  }
  const prunings = () => daemon.files.store.asked.filter((each) => each.startsWith("prune")).length
  await once()
  await eventually(() => prunings() === 1 && existsSync(join(daemon.paths.state, "state-pruned")))
  await once()
  daemon.wallOffsetMs = 25 * 3_600_000
  await once()
  await eventually(() => prunings() === 2)
})
