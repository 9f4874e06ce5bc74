import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { pathToFileURL } from "node:url"
import { findFilesProgram } from "@skerry/files/find-program"
import { CallFailure, FILES } from "@skerry/rpc"
import { connectClient, sandboxed, startFilesServer } from "./support/files-server.ts"

/* The file server as it is installed: one file, with its native modules beside it in the sandbox and no package there. */
const ROOT = join(import.meta.dirname, "..")
let dist: string
let served: string

before(() => {
  const cache = join(ROOT, "node_modules/.cache")
  mkdirSync(cache, { recursive: true })
  // What is not bundled is found from there: it must be in this repository.
  dist = mkdtempSync(join(cache, "files-bundle-"))
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "tools/bundle.ts"), dist])
  assert.equal(status, 0, String(stderr))
  served = mkdtempSync(join(tmpdir(), "skerry-files-bundle-"))
})

after(() => {
  for (const path of [dist, served]) rmSync(path, { recursive: true, force: true })
})

const program = () => findFilesProgram(pathToFileURL(join(dist, "skerryd.js")).href)

test("the bundled server serves a directory", () => {
  const directory = { kind: "directory", path: served, access: "read" } as const
  using server = startFilesServer({ ...sandboxed(directory), program: program() })
  connectClient(server, 1, "read")
  assert.equal(JSON.parse(server.caller.call(FILES.status, undefined).output).clients.length, 1)
})

test("the bundled server makes a store, and finds it again", () => {
  const store = { ...sandboxed({ kind: "store", path: served }), program: program() }
  const key = (byte: number) => ({ kind: "keyFile", content: new Uint8Array(32).fill(byte) }) as const
  {
    using server = startFilesServer(store)
    server.caller.call(FILES.stateUnlock, { key: key(1) })
    server.caller.call(FILES.end, undefined)
  }
  using server = startFilesServer(store)
  assert.equal(server.caller.call(FILES.stateStatus, undefined).result.status, "locked")
  const isWrongKey = (error: unknown) => error instanceof CallFailure && error.code === "wrong-key"
  assert.throws(() => server.caller.call(FILES.stateUnlock, { key: key(2) }), isWrongKey)
  server.caller.call(FILES.stateUnlock, { key: key(1) })
  assert.equal(server.caller.call(FILES.stateStatus, undefined).result.status, "open")
  assert.ok(readdirSync(served).length > 0)
})
