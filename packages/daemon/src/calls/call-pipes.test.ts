import assert from "node:assert/strict"
import { closeSync, openSync, writeSync } from "node:fs"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { ADMIN, type AuditRow, type CallState, call, service } from "@skerry/rpc"
import { encode } from "@skerry/wire"
import { startDomain, until, writePolicy } from "../testing/calls.ts"
import { daemonWithLiar } from "../testing/liar.ts"
import { hostCalls, list, SETTINGS, type TestDaemon } from "../testing/test-daemon.ts"

const linux = openLinux()
const PARAMS = {
  ...{ service: "test.x", argument: "", target: "bank", deadlineMs: 0, parent: "", progress: true },
  pipes: true,
}
const STARTED = encode(service.down, { kind: "started", pid: 1 })

async function daemonWithPipes(lie: (state: CallState) => void) {
  const daemon = await daemonWithLiar(lie, {
    settings: { calls: { ...SETTINGS.calls, atOnce: 1 } },
    more: { host: { ...hostCalls, pipes: linux } },
  })
  writePolicy(daemon, "* * @anyvm @anyvm allow\n")
  const mail = await startDomain(daemon, "mail")
  await startDomain(daemon, "bank")
  return { daemon, mail }
}

/** What becomes of descriptors that the daemon sends to a domain. */
function takeDescriptors({ backend }: TestDaemon, id: string, take: (fds: readonly number[]) => void): void {
  const domain = [...backend.domains.values()].find((each) => each.id === id)
  assert.ok(domain)
  Object.assign(domain, { sendDescriptors: take })
}

const fails = (code: string) => (error: { code?: string }) => error.code === code

test("a caller's domain that takes no descriptors loses that call, and the daemon goes on", async () => {
  const { daemon, mail } = await daemonWithPipes((state) => state.sendEvent(STARTED))
  await using _ = daemon
  takeDescriptors(daemon, "bank", () => {})
  takeDescriptors(daemon, "mail", () => {
    throw new Error("sendmsg: EAGAIN")
  })
  for (let time = 0; time < 2; time++) {
    await assert.rejects(mail.call(call, PARAMS).result, fails("unavailable"))
  }
})

test("the record of a call that was given up counts what went by pipes", async () => {
  const { daemon, mail } = await daemonWithPipes((state) => state.sendEvent(STARTED))
  await using _ = daemon
  const held: number[] = []
  // The daemon closes its own after this: like a socket, keep others.
  const again = (fd: number | undefined, flags: string) => {
    const copy = openSync(`/proc/self/fd/${fd}`, flags)
    held.push(copy)
    return copy
  }
  takeDescriptors(daemon, "bank", ([input, output]) => {
    again(input, "r")
    again(output, "w")
  })
  takeDescriptors(daemon, "mail", ([output, input]) => {
    writeSync(again(output, "w"), "x".repeat(1000))
    again(input, "r")
  })
  const giveUp = new AbortController()
  const heard: string[] = []
  const made = mail.call(call, PARAMS, { signal: giveUp.signal, onEvent: ({ kind }) => heard.push(kind) })
  await until(() => heard.includes("handed") && linux.bytesWaiting(held[0] ?? -1) === 1000)
  giveUp.abort(new Error("enough"))
  await assert.rejects(made.result, /enough/)
  const all = { source: "", target: "", service: "", since: 0n, follow: false }
  await until(async () => {
    const rows = await list<object, AuditRow>(daemon.connect(), ADMIN.audit as never, all)
    return rows.some(({ kind, exit, bytesUp }) => {
      return kind === "call-end" && exit === "the caller gave up" && bytesUp === 1000
    })
  })
  for (const fd of held) closeSync(fd)
})
