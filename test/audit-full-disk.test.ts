import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { ADMIN, type AuditProblem, type AuditRow, type AuditSummary, Connection } from "@skerry/rpc"
import { hostCall } from "../packages/daemon/src/testing/calls.ts"
import { failsWith, list, startTestDaemon } from "../packages/daemon/src/testing/test-daemon.ts"
import { eventually } from "./support/built-home.ts"

test("while the disk is full calls and grants are refused with the reason, and go on when there is room", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can mount a small disk")
  const folder = mkdtempSync(join(tmpdir(), "skerry-full-"))
  const under = (name: string) => join(folder, name)
  const paths = {
    configuration: under("config"),
    state: under("state"),
    cache: under("cache"),
    runtime: under("run"),
  }
  mkdirSync(paths.state)
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", paths.state])
  try {
    await using _ = await startTestDaemon({ more: { paths } })
    const connection = new Connection(connect(join(paths.runtime, "skerryd.sock")))
    const call = () => hostCall(connection, "mail", "test.true")
    assert.equal((await call()).exitCode, 0)
    const ballast = join(paths.state, "ballast")
    assert.throws(() => writeFileSync(ballast, Buffer.alloc(2 * 1024 * 1024)), /ENOSPC/)
    // The page that the log has already takes some more.
    await eventually("a call is refused", async () => {
      const ended = await call().catch((error: unknown) => error)
      if (!(ended instanceof Error)) return false
      return failsWith("unavailable", /^The audit log cannot be written: ENOSPC/)(ended)
    })
    await assert.rejects(call(), failsWith("unavailable", /ENOSPC/))
    const wanted = {
      instance: "mail",
      path: paths.configuration,
      access: "read",
      at: "",
      seconds: 0,
    } as const
    const grant = connection.call(ADMIN.grantDirectory, wanted)
    await assert.rejects(grant.result, failsWith("unavailable", /^The audit log cannot be written: ENOSPC/))
    rmSync(ballast)
    await eventually("calls go on", async () => (await call().catch(() => undefined))?.exitCode === 0)
    const all = { source: "", target: "", service: "", since: 0n, follow: false }
    const rows = await list<typeof all, AuditRow>(connection, ADMIN.audit, all)
    assert.ok(rows.some(({ kind, note }) => kind === "repair" && /ENOSPC/.test(note ?? "")))
    type Found = AuditProblem | AuditSummary
    const none = { seq: 0n, head: "" }
    const found = await list<typeof none, Found>(connection, ADMIN.verifyAudit, none)
    assert.deepEqual(
      found.filter((row) => "problem" in row),
      [],
    )
    connection.close()
  } finally {
    execFileSync("umount", [paths.state])
    rmSync(folder, { recursive: true })
  }
})
