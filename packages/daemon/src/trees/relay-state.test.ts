import assert from "node:assert/strict"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { ADMIN, type AuditRow } from "@skerry/rpc"
import { failsWith, list, startTestDaemon } from "../testing/test-daemon.ts"
import { eventually } from "./testing.ts"

const passphrase = (words: string) => ({ kind: "passphrase" as const, passphrase: words })
const everything = { source: "", target: "", service: "", since: 0n, follow: false }

test("asking whether there is a store makes none", async () => {
  await using daemon = await startTestDaemon()
  const { status } = await daemon.connect().call(ADMIN.stateStatus, undefined).result
  assert.equal(status, "absent")
  assert.equal(existsSync(join(daemon.paths.configuration, "state.key")), false)
})

test("streams, events and results of the store's server reach who asked", async () => {
  await using daemon = await startTestDaemon()
  const events: unknown[] = []
  const asked = daemon
    .connect()
    .call(
      ADMIN.stateExport,
      { tree: "x", version: "", path: new Uint8Array() },
      { onEvent: (event) => events.push(event) },
    )
  assert.equal(await text(asked.stdout), "records")
  assert.deepEqual(await asked.result, { files: 1n, bytes: 7n })
  assert.deepEqual(events, [{ done: 1n, total: 2n }])
})

test("failures of the server keep their code, and what they say is made harmless", async () => {
  await using daemon = await startTestDaemon()
  const asked = daemon.connect().call(ADMIN.stateRollback, { tree: "x", version: "1" }).result
  await assert.rejects(
    asked,
    failsWith("busy", /^Someone \\u001b\[31mhas it open$|^Someone .{1,8}\[31mhas it open$/),
  )
})

test("a server that breaks the protocol costs the call, and is started anew", async () => {
  await using daemon = await startTestDaemon()
  const broken = daemon.connect().call(ADMIN.stateTrees, undefined).result
  await assert.rejects(broken, failsWith("connection-closed", /broke the protocol/))
  const { status } = await daemon.connect().call(ADMIN.stateStatus, undefined).result
  assert.ok(["locked", "open"].includes(status))
})

test("a server that ends while it is asked is told as that", async () => {
  await using daemon = await startTestDaemon()
  await daemon.connect().call(ADMIN.stateSnapshot, { tree: "x", reason: "manual", note: "" }).result
  const [server] = daemon.files.running
  assert.ok(server)
  server.onSnapshot = () => server.ended
  const asked = daemon.connect().call(ADMIN.stateSnapshot, { tree: "x", reason: "manual", note: "" }).result
  const refused = assert.rejects(
    asked,
    failsWith("connection-closed", /file server of the state store ended.*try again/),
  )
  await eventually(() => daemon.files.store.asked.filter((each) => each === "snapshot x manual").length === 2)
  server.reset("it was ended by SIGKILL")
  await refused
})

test("a passphrase in the place of the key file: the file is gone, and the store opens by it alone", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await connection.call(ADMIN.stateSnapshot, { tree: "x", reason: "manual", note: "" }).result
  const present = daemon.files.store.key
  assert.equal(present?.kind, "keyFile")
  const next = passphrase("new")
  await assert.rejects(
    connection.call(ADMIN.stateSetKey, { present: passphrase("wrong"), next }).result,
    failsWith("wrong-key", /does not open/),
  )
  await connection.call(ADMIN.stateSetKey, { present, next }).result
  assert.equal(existsSync(join(daemon.paths.configuration, "state.key")), false)
  daemon.files.running[0]?.kill()
  await connection.call(ADMIN.stateSnapshot, { tree: "x", reason: "manual", note: "" }).result
  assert.equal(daemon.files.starts, 2)
})

test("a key file in the place of a passphrase is written before the store takes it", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await connection.call(ADMIN.stateUnlock, { key: passphrase("old") }).result
  const next = { kind: "keyFile" as const, content: Buffer.from("0123456789abcdef0123456789abcdef") }
  const wrong = { present: passphrase("wrong"), next }
  await assert.rejects(connection.call(ADMIN.stateSetKey, wrong).result)
  for (const name of ["state.key", "state.key.next"]) {
    assert.equal(existsSync(join(daemon.paths.configuration, name)), false)
  }
  await connection.call(ADMIN.stateSetKey, { present: passphrase("old"), next }).result
  assert.equal(existsSync(join(daemon.paths.configuration, "state.key")), true)
})

test("what changes the store is in the audit log, whether it could be done or not", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await connection.call(ADMIN.stateSnapshot, { tree: "x", reason: "manual", note: "" }).result
  await assert.rejects(connection.call(ADMIN.stateRollback, { tree: "x", version: "1" }).result)
  const dry = {
    tree: "",
    keep: { last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 },
    dryRun: true,
  }
  await connection.call(ADMIN.statePrune, dry).result
  const rows = await list<typeof everything, AuditRow>(connection, ADMIN.audit, everything)
  assert.deepEqual(
    rows.filter(({ kind }) => kind === "state").map(({ service, target, exit }) => [service, target, exit]),
    [
      ["stateSnapshot", "x", "0"],
      ["stateRollback", "x", "busy"],
    ],
  )
})

test("a server that cannot be run is said with the reason", async () => {
  await using daemon = await startTestDaemon()
  daemon.files.faults.push("bwrap is not installed")
  const asked = daemon.connect().call(ADMIN.stateStatus, undefined).result
  await assert.rejects(asked, failsWith("unusable", /state store cannot be run: bwrap is not installed/))
  await eventually(() => daemon.files.running.length === 0)
  assert.equal((await daemon.connect().call(ADMIN.stateStatus, undefined).result).status, "absent")
})
