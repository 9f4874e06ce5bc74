import assert from "node:assert/strict"
import { once } from "node:events"
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { CallFailure, FILES } from "@skerry/rpc"
import { connectClient, launchSandboxed, linux, sandboxed, startFilesServer } from "./support/files-server.ts"

function folderFor(t: { after(action: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), "skerry-files-"))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The process itself and everything below it. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean)
  return [pid, ...children.flatMap((child) => family(Number(child)))]
}

const byText = (a: string, b: string) => (a < b ? -1 : 1)
const failsWith = (code: string) => (error: unknown) => error instanceof CallFailure && error.code === code

for (const access of ["read", "write"] as const) {
  test(`whoever takes over a server that may ${access} sees what it serves, and nothing else`, async (t) => {
    const outside = folderFor(t)
    const path = join(outside, "served")
    mkdirSync(path)
    writeFileSync(join(path, "inside"), "")
    writeFileSync(join(outside, "secret"), "")
    const serves = { kind: "directory", path, access } as const
    const { child, control, clients } = launchSandboxed(sandboxed(serves, "test/support/look-around.ts"))
    await once(child, "exit")
    const answer = Buffer.alloc(8192)
    const seen = JSON.parse(answer.toString("utf8", 0, linux.readSome(control, answer)))
    closeSync(control)
    closeSync(clients)
    assert.equal(seen.passwd, "ENOENT")
    assert.equal(seen.home, "ENOENT")
    assert.equal(seen.served, '["inside"]')
    assert.ok(!seen.above.includes("secret") && seen.above.includes("served"))
    assert.equal(seen.write, access === "write" ? "done" : "EROFS")
    assert.equal(seen.writeRoot, "EROFS")
    assert.ok(seen.processes <= 2)
    assert.deepEqual(
      seen.interfaces.filter((name: string) => name !== "lo"),
      [],
    )
    assert.equal(seen.connect, "ECONNREFUSED")
    assert.deepEqual(
      [seen.noNewPrivileges, seen.capabilities, seen.bounding, seen.seccomp],
      [true, "0000000000000000", "0000000000000000", "2"],
    )
    // The repository is there because the program is run from source; of the host's own folders nothing is.
    const repository = import.meta.dirname.split("/")[1] ?? ""
    assert.deepEqual(seen.root, ["dev", "lib", "lib64", "proc", repository, "served", "skerry"].sort(byText))
  })
}

test("a server in its sandbox serves, holds no way out, and ends when asked to", async (t) => {
  const path = folderFor(t)
  using server = startFilesServer(sandboxed({ kind: "directory", path, access: "write" }))
  const { caller } = server
  const client = connectClient(server, 7, "write")
  const status = JSON.parse(caller.call(FILES.status, undefined).output)
  assert.deepEqual(status.clients, [{ client: 7, fids: 0, requests: 0 }])
  const links = family(server.process.pid ?? 0).flatMap((pid) =>
    readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)),
  )
  assert.deepEqual(
    links.filter((link) => link.startsWith(path)),
    [],
  )
  assert.throws(() => caller.call(FILES.serve, { client: 7, trees: [] }), failsWith("known-client"))
  assert.throws(() => caller.call(FILES.serve, { client: 8, trees: [] }), failsWith("unknown-client"))
  const state = { attachName: "x", access: "read", tree: { kind: "state", name: "mail" } } as const
  assert.throws(() => caller.call(FILES.serve, { client: 9, trees: [state] }), failsWith("wrong-tree"))
  caller.call(FILES.drop, { client: 7 })
  caller.call(FILES.drop, { client: 7 })
  assert.equal(linux.readSome(client, Buffer.alloc(1)), 0)
  closeSync(client)
  caller.call(FILES.end, undefined)
  const [code] = await once(server.process, "exit")
  assert.equal(code, 0)
})

test("a server ends with its control connection", async (t) => {
  const path = folderFor(t)
  const { child, control, clients } = launchSandboxed(sandboxed({ kind: "directory", path, access: "read" }))
  closeSync(control)
  const [code] = await once(child, "exit")
  closeSync(clients)
  assert.equal(code, 0)
})

test("a path that leads elsewhere than what was granted is not served", async (t) => {
  const path = folderFor(t)
  const other = folderFor(t)
  const server = sandboxed({ kind: "directory", path, access: "read" })
  const { child, control, clients } = launchSandboxed(server, other)
  const errors: string[] = []
  child.stderr?.on("data", (piece) => errors.push(String(piece)))
  const [code] = await once(child, "close")
  closeSync(control)
  closeSync(clients)
  assert.equal(code, 1)
  assert.match(errors.join(""), /not the directory that was granted/)
  assert.ok(statSync(path).isDirectory())
})
