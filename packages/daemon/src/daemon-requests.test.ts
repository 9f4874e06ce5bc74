import assert from "node:assert/strict"
import { test } from "node:test"
import { ADMIN, type DomainRow } from "@skerry/rpc"
import {
  command,
  failsWith,
  generation,
  list,
  run,
  startTestDaemon,
  tinySystem,
} from "./testing/test-daemon.ts"

/* What a request may name, and which generation and templates answer it. */

test("names that cannot be, instances that are not, and levels that this host has not are refused", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  for (const name of ["../etc", "Mail", "", "x".repeat(32), "a/b"]) {
    await assert.rejects(
      run(connection, name, command("true")),
      failsWith("bad-request", /as an instance name/),
    )
  }
  await assert.rejects(
    run(connection, "mial", command("true")),
    failsWith("unknown-instance", /mail, bank, light/),
  )
  await assert.rejects(run(connection, "light", command("true")), failsWith("unusable", /"process"/))
  await assert.rejects(
    connection.call(ADMIN.stop, { domain: "mail", force: false }).result,
    failsWith("unknown-domain", /skerry ps/),
  )
})

test("before anything was built there is advice instead of a domain", async () => {
  await using daemon = await startTestDaemon()
  daemon.current = undefined
  await assert.rejects(run(daemon.connect(), "mail", command("true")), failsWith("not-built", /skerry build/))
})

test("a new generation is used by new domains; what runs goes on", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await run(connection, "mail", command("true"), { isDisposable: false })
  daemon.current = generation(2, tinySystem(), "b")
  await run(connection, "bank", command("true"), { isDisposable: false })
  await run(connection, "mail", command("true"), { isDisposable: false })
  const rows = await list<undefined, DomainRow>(connection, ADMIN.ps, undefined)
  assert.deepEqual(
    rows.map(({ domain, generation, image }) => [domain, generation, image.slice(7, 9)]),
    [
      ["mail", 1, "aa"],
      ["bank", 2, "bb"],
    ],
  )
})

test("prepare makes the templates of all usable instances ahead, once", async () => {
  await using daemon = await startTestDaemon()
  const seen: unknown[] = []
  const call = daemon
    .connect()
    .call(ADMIN.prepare, { instances: ["mail", "bank"] }, { onEvent: (event) => seen.push(event) })
  assert.deepEqual(await call.result, { prepared: 2, unusable: [] })
  assert.equal(daemon.backend.calls.length, 1)
  assert.equal(seen.length, 2)
})

test("prepare of everything leaves out what this host cannot run, and says so; asked for by name it fails", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  const { prepared, unusable } = await connection.call(ADMIN.prepare, { instances: [] }).result
  assert.equal(prepared, 3)
  assert.match(unusable.join(), /^"light": .*"process"/)
  await assert.rejects(
    connection.call(ADMIN.prepare, { instances: ["light"] }).result,
    failsWith("unusable", /"process"/),
  )
})

test("arguments that no command can have are refused before anything is sent", async () => {
  await using daemon = await startTestDaemon()
  const connection = daemon.connect()
  await assert.rejects(run(connection, "mail", command("true", "a\0b")), failsWith("bad-request", /NUL/))
  const long = "x".repeat(50_000)
  assert.throws(
    () => connection.call(ADMIN.exec, { domain: "mail", command: command("true", long, long) }),
    RangeError,
  )
})
