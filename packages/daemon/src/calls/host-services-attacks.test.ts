import assert from "node:assert/strict"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { test } from "node:test"
import { ADMIN, type AuditRow } from "@skerry/rpc"
import { DomainEvents } from "../domain-events.ts"
import type { Domains } from "../domains.ts"
import { callService, hostCall, startDomain, until, writePolicy } from "../testing/calls.ts"
import { failsWith, list, SETTINGS, startTestDaemon, type TestDaemon } from "../testing/test-daemon.ts"
import { adminServices } from "./admin-services.ts"
import type { HostCall } from "./host-services.ts"

const ONE_AT_ONCE = { settings: { calls: { ...SETTINGS.calls, atOnce: 1 } } }

/** A service of the host that its user wrote; gives the path of a file for it to write. */
function writeOwnService({ paths }: TestDaemon, name: string, body: (scratch: string) => string): string {
  const directory = join(paths.configuration, "host-services")
  mkdirSync(directory, { recursive: true })
  const scratch = join(paths.configuration, "scratch")
  writeFileSync(
    join(directory, `${name}.ts`),
    `import { writeFileSync } from "node:fs"
    import { spawn } from "node:child_process"
    export default async ({ stdin, stdout }: any) => { ${body(scratch)} }\n`,
  )
  return scratch
}

const records = async (daemon: TestDaemon) => {
  const all = { source: "", target: "", service: "", since: 0n, follow: false }
  return list<object, AuditRow>(daemon.connect(), ADMIN.audit as never, all)
}

const isAlive = (pid: number) => existsSync(`/proc/${pid}/stat`)
const SLEEP = (scratch: string) =>
  `writeFileSync(${JSON.stringify(scratch)}, String(process.pid)); setInterval(() => {}, 1000)
   await new Promise(() => {})`
const pidIn = async (scratch: string) => {
  await until(() => existsSync(scratch) && readFileSync(scratch, "utf8") !== "")
  return Number(readFileSync(scratch, "utf8"))
}

test("a deadline ends the process of a host's service", async () => {
  await using daemon = await startTestDaemon()
  const scratch = writeOwnService(daemon, "my.Sleep", SLEEP)
  writePolicy(daemon, "my.Sleep * mail @adminvm allow\n")
  const mail = await startDomain(daemon, "mail")
  const deadlineMs = 1500
  const call = callService(mail, "@adminvm", "my.Sleep", { deadlineMs })
  call.catch(() => {})
  const pid = await pidIn(scratch)
  await assert.rejects(call, failsWith("deadline", /1500 ms/))
  await until(() => !isAlive(pid))
})

test("a caller that gives up ends the process of a host's service, and its output with it", async () => {
  await using daemon = await startTestDaemon(ONE_AT_ONCE)
  // What it has started holds its output open.
  const scratch = writeOwnService(
    daemon,
    "my.Flood",
    (path) =>
      `const child = spawn("sleep", ["1000"], { stdio: ["ignore", "inherit", "inherit"] })
       writeFileSync(${JSON.stringify(path)}, String(child.pid)); child.unref()
       stdout.write("y".repeat(3_000_000)); process.exitCode = 0; setTimeout(() => process.exit(0), 100); await new Promise(() => {})`,
  )
  writePolicy(daemon, "my.Flood * mail @adminvm allow\n* * mail bank allow\n")
  const mail = await startDomain(daemon, "mail")
  const giveUp = new AbortController()
  const call = callService(mail, "@adminvm", "my.Flood", { signal: giveUp.signal })
  call.catch(() => {})
  const child = await pidIn(scratch)
  try {
    giveUp.abort(new Error("enough"))
    await assert.rejects(call, /enough/)
    await until(() =>
      callService(mail, "bank", "test.true").then(
        () => true,
        () => false,
      ),
    )
  } finally {
    process.kill(child)
  }
})

test("a deadline ends a listener for events", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "admin.Events * mail @adminvm allow\n")
  const mail = await startDomain(daemon, "mail")
  const call = callService(mail, "@adminvm", "admin.Events", { deadlineMs: 50 })
  await assert.rejects(call, failsWith("deadline", /50 ms/))
  await until(async () => (await records(daemon)).some(({ exit }) => exit === "its deadline passed"))
})

test("the record of a host's service counts all that it wrote", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "qubes.GetDate * mail @adminvm allow\n")
  const mail = await startDomain(daemon, "mail")
  const { stdout } = await callService(mail, "@adminvm", "qubes.GetDate")
  await until(async () => (await records(daemon)).some(({ bytesDown }) => bytesDown === stdout.length))
})

test("a listener for events that has given up before it is heard leaves nothing behind", async () => {
  const events = new DomainEvents()
  const view = () => assert.fail("Nothing is decided for it")
  const services = new Map(adminServices({ events, view, domains: {} as Domains }))
  const call = {
    untrustedTarget: "",
    signal: AbortSignal.abort(),
    stdin: new PassThrough(),
    stdout: new PassThrough(),
  }
  await assert.rejects(Promise.resolve(services.get("admin.Events")?.(call as unknown as HostCall)), {
    name: "AbortError",
  })
})

test("a disposable whose maker gave up waiting for it does not go on", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "admin.vm.CreateDisposable * mail pdf allow target=@adminvm\n")
  const mail = await startDomain(daemon, "mail")
  daemon.backend.peers.push("silent")
  const call = callService(mail, "pdf", "admin.vm.CreateDisposable", { deadlineMs: 100 })
  call.catch(() => {})
  await assert.rejects(call, failsWith("deadline", /100 ms/))
  await until(() => daemon.backend.domains.size === 1)
})

test("calls of the host that the daemon's end cuts off are recorded", async () => {
  await using daemon = await startTestDaemon()
  const scratch = writeOwnService(daemon, "my.Sleep", SLEEP)
  const call = hostCall(daemon.connect(), "@adminvm", "my.Sleep")
  call.catch(() => {})
  const pid = await pidIn(scratch)
  await daemon.daemon.end()
  await assert.rejects(call)
  await until(() => !isAlive(pid))
  const log = readFileSync(join(daemon.paths.state, "audit", "000001.jsonl"), "utf8")
    .trim()
    .split("\n")
  const kinds = log.map((line) => (JSON.parse(line) as AuditRow).kind)
  assert.deepEqual(kinds.slice(-2), ["call-end", "end"])
})

test("calls that came too fast are counted in the log when their domain ends", async () => {
  await using daemon = await startTestDaemon({
    settings: { calls: { ...SETTINGS.calls, perSecond: 1, burst: 1 } },
  })
  writePolicy(daemon, "* * mail bank allow\n")
  const mail = await startDomain(daemon, "mail")
  const flood = Array.from({ length: 20 }, () => callService(mail, "bank", "test.true"))
  const outcomes = await Promise.allSettled(flood)
  const refused = outcomes.filter(({ status }) => status === "rejected").length
  await daemon.connect().call(ADMIN.stop, { domain: "mail", force: true }).result
  await until(async () =>
    (await records(daemon)).some(({ note }) => note?.startsWith(`${refused - 1} more calls`)),
  )
})

test("a domain has so many processes of the host's services at once, and no more", async () => {
  await using daemon = await startTestDaemon()
  writeOwnService(daemon, "my.Sleep", SLEEP)
  writePolicy(daemon, "my.Sleep * mail @adminvm allow\n")
  const mail = await startDomain(daemon, "mail")
  const giveUp = new AbortController()
  const { signal } = giveUp
  const sleep = () => callService(mail, "@adminvm", "my.Sleep", { signal })
  const open = Array.from({ length: 16 }, () => sleep().catch(() => {}))
  await assert.rejects(sleep(), failsWith("unavailable", /could not serve/))
  giveUp.abort(new Error("enough"))
  await Promise.all(open)
  const deadlineMs = 300
  const again = () => callService(mail, "@adminvm", "my.Sleep", { deadlineMs })
  await until(() => again().catch(({ code }: { code?: string }) => code === "deadline") as Promise<boolean>)
})
