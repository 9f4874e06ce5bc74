import assert from "node:assert/strict"
import { test } from "node:test"
import { ADMIN, type AuditRow, type CallState, type Connection, encodeFailure, service } from "@skerry/rpc"
import { encode } from "@skerry/wire"
import { callService, startDomain, until, writePolicy } from "../testing/calls.ts"
import { daemonWithLiar } from "../testing/liar.ts"
import { failsWith, list, SETTINGS } from "../testing/test-daemon.ts"

const EVERYTHING = "* * @anyvm @anyvm allow\n"
const ONE_AT_ONCE = { settings: { calls: { ...SETTINGS.calls, atOnce: 1 } } }
const EXIT = encode(service.result, { exit: { kind: "code", code: 0 } })

const ends = async (connection: Connection) => {
  const none = { source: "", target: "", service: "", since: 0n, follow: false }
  const rows = await list<object, AuditRow>(connection, ADMIN.audit as never, none)
  return rows.filter(({ kind }) => kind === "call-end").map(({ exit }) => exit)
}

for (const [what, type, bytes] of [
  ["a result that is none", "return", Uint8Array.of(7)],
  ["a result with more behind it", "return", Uint8Array.of(...EXIT, 0)],
  ["a failure that is none", "fail", Uint8Array.of(0xff)],
] as const) {
  test(`a target that answers with ${what} costs its caller no place`, async () => {
    await using daemon = await daemonWithLiar((state) => state.finish(type, bytes), ONE_AT_ONCE)
    writePolicy(daemon, EVERYTHING)
    const mail = await startDomain(daemon, "mail")
    await assert.rejects(callService(mail, "bank", "test.true"), failsWith("connection-closed", /broke/))
    assert.equal((await callService(mail, "pdf", "test.true")).exitCode, 0)
    await until(async () => (await ends(daemon.connect())).length === 2)
    assert.match((await ends(daemon.connect()))[0] ?? "", /broke the protocol/)
  })
}

for (const code of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
  test(`a target that fails a call with the code ${code} does the daemon no harm`, async () => {
    await using daemon = await daemonWithLiar((state) => state.finish("fail", encodeFailure(code, "x")))
    writePolicy(daemon, EVERYTHING)
    const mail = await startDomain(daemon, "mail")
    await assert.rejects(callService(mail, "bank", "test.true"), failsWith("unavailable", /could not serve/))
    assert.equal((await callService(mail, "pdf", "test.true")).exitCode, 0)
  })
}

test("a caller hears once that its service runs, however often the target says so, and only if it wants to", async () => {
  await using daemon = await daemonWithLiar((state) => {
    for (let time = 0; time < 50; time++) state.sendEvent(encode(service.down, { kind: "started", pid: 1 }))
    state.finish("return", EXIT)
  })
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  const { events } = await callService(mail, "bank", "test.true")
  assert.deepEqual(events, ["allowed", "started"])
  assert.deepEqual((await callService(mail, "bank", "test.true", { progress: false })).events, [])
})

test("an event that is none ends the call, and takes no place", async () => {
  const lie = (state: CallState) => {
    state.sendEvent(Uint8Array.of(0xff))
    state.finish("return", EXIT)
  }
  await using daemon = await daemonWithLiar(lie, ONE_AT_ONCE)
  writePolicy(daemon, EVERYTHING)
  const mail = await startDomain(daemon, "mail")
  await assert.rejects(callService(mail, "bank", "test.true"), failsWith("unavailable", /could not serve/))
  assert.equal((await callService(mail, "pdf", "test.true")).exitCode, 0)
})
