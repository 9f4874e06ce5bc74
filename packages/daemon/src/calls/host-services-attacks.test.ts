import assert from "node:assert/strict"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ADMIN, type AuditRow } from "@skerry/rpc"
import { callService, startDomain, until, writePolicy } from "../testing/calls.ts"
import { failsWith, list, SETTINGS, startTestDaemon, type TestDaemon } from "../testing/test-daemon.ts"

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
