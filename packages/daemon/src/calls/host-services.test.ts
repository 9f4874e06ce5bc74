import assert from "node:assert/strict"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ADMIN, call } from "@skerry/rpc"
import { callService, hostCall, startDomain, until, writePolicy } from "../testing/calls.ts"
import { failsWith, startTestDaemon } from "../testing/test-daemon.ts"

const MANAGER = `admin.vm.List * mail @adminvm allow
admin.vm.List * mail bank allow target=@adminvm
admin.vm.Start * mail bank allow target=@adminvm
admin.vm.CurrentState * mail bank allow target=@adminvm
admin.vm.Shutdown * mail bank allow target=@adminvm
admin.vm.Pause * mail bank allow target=@adminvm
admin.vm.Unpause * mail bank allow target=@adminvm
admin.vm.property.Get +memory mail bank allow target=@adminvm
admin.vm.CreateDisposable * mail pdf allow target=@adminvm
admin.Events * mail @adminvm allow
admin.Events * mail bank allow target=@adminvm
`

const zeros = (text: string) => text.replaceAll("\0", "|")

test("a domain manages others within what the policy allows, and learns of no more", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, MANAGER)
  const mail = await startDomain(daemon, "mail")
  const admin = async (target: string, service: string, argument = "") =>
    zeros((await callService(mail, target, service, { argument })).stdout)
  assert.equal(await admin("@adminvm", "admin.vm.List"), "0|bank class=AppVM state=Halted\n")
  assert.equal(await admin("bank", "admin.vm.Start"), "0|")
  assert.equal(await admin("bank", "admin.vm.CurrentState"), "0|power_state=Running")
  assert.equal(await admin("bank", "admin.vm.Pause"), "0|")
  assert.equal(await admin("bank", "admin.vm.CurrentState"), "0|power_state=Paused")
  assert.equal(await admin("bank", "admin.vm.Unpause"), "0|")
  assert.match(await admin("bank", "admin.vm.Unpause"), /^2\|QubesVMNotPausedError\|\|/)
  assert.equal(await admin("bank", "admin.vm.property.Get", "memory"), "0|default=True type=int 128")
  assert.equal(await admin("bank", "admin.vm.Shutdown"), "0|")
  assert.match(await admin("bank", "admin.vm.Shutdown"), /^2\|QubesVMNotRunningError\|\|/)
  for (const [target, service] of [
    ["pdf", "admin.vm.Start"],
    ["bank", "admin.vm.Kill"],
    ["light", "admin.vm.CurrentState"],
    ["bank", "admin.vm.Remove"],
  ] as const) {
    await assert.rejects(admin(target, service), failsWith("refused", /^The call was refused$/))
  }
})

test("nothing of admin is allowed without a rule", async () => {
  await using daemon = await startTestDaemon()
  const mail = await startDomain(daemon, "mail")
  for (const service of ["admin.vm.List", "admin.vm.Start", "admin.Events", "admin.vm.property.List"]) {
    await assert.rejects(callService(mail, "@adminvm", service), failsWith("refused", /refused/))
  }
})

test("a disposable that a domain made ends with it", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, MANAGER)
  const mail = await startDomain(daemon, "mail")
  const { stdout } = await callService(mail, "pdf", "admin.vm.CreateDisposable")
  assert.match(zeros(stdout), /^0\|pdf-[0-9a-v]{6}$/)
  assert.equal(daemon.backend.domains.size, 2)
  await daemon.connect().call(ADMIN.stop, { domain: "mail", force: true }).result
  await until(() => daemon.backend.domains.size === 0)
})

test("a listener hears of those domains that a rule lets it hear of", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, MANAGER)
  const mail = await startDomain(daemon, "mail")
  const events = mail.call(call, {
    ...{
      service: "admin.Events",
      argument: "",
      target: "@adminvm",
      deadlineMs: 0,
      parent: "",
      progress: false,
      pipes: false,
    },
  })
  let heard = ""
  events.stdout.on("data", (chunk: Buffer) => {
    heard += zeros(chunk.toString())
  })
  events.stdout.on("error", () => {})
  await until(() => heard.includes("connection-established"))
  await startDomain(daemon, "pdf")
  await startDomain(daemon, "bank")
  await until(() => heard.includes("1|bank|domain-start||"))
  assert.ok(!heard.includes("pdf"))
})

test("a service of the host that its user wrote runs in a process of its own", async () => {
  await using daemon = await startTestDaemon()
  const directory = join(daemon.paths.configuration, "host-services")
  mkdirSync(directory, { recursive: true })
  const path = join(directory, "my.Upper.ts")
  writeFileSync(
    path,
    `export default async ({ source, argument, stdin, stdout }: any): Promise<number> => {
      let text = ""
      for await (const chunk of stdin) text += chunk
      stdout.write(source + " " + argument + " " + process.pid + " " + text.toUpperCase())
      return 3
    }\n`,
  )
  writePolicy(daemon, "my.Upper * mail @adminvm allow\n")
  const mail = await startDomain(daemon, "mail")
  const { stdout, exitCode } = await callService(mail, "@adminvm", "my.Upper", {
    argument: "a",
    input: "hello",
  })
  const [source, argument, pid, text] = stdout.split(" ")
  assert.deepEqual([source, argument, text, exitCode], ["mail", "a", "HELLO", 3])
  assert.notEqual(Number(pid), process.pid)
  chmodSync(path, 0o666)
  await assert.rejects(callService(mail, "@adminvm", "my.Upper"), failsWith("unavailable", /could not serve/))
  assert.equal((await hostCall(daemon.connect(), "@adminvm", "my.Lower")).exitCode, 127)
})
