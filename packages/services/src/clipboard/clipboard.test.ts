import assert from "node:assert/strict"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, test } from "node:test"
import { CLIPBOARD_LIMITS } from "@skerry/rpc"
import type { Program } from "../program.ts"
import { runProgram, textOf } from "../testing.ts"
import { clipboardPaste, clipboardRead, skerryClipboard } from "./clipboard.ts"

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "skerry-clipboard-"))
})
afterEach(() => rmSync(home, { recursive: true }))

async function run(
  program: Program,
  { input = "" as string | Buffer, source = "@adminvm", argv = [] as string[], environment = {} } = {},
) {
  const running = runProgram(program, {
    argv,
    environment: { HOME: home, QREXEC_REMOTE_DOMAIN: source, ...environment },
  })
  running.stdin.on("error", () => {})
  running.stdin.end(input)
  const [status, stdout, stderr] = await Promise.all([
    running.status,
    textOf(running.stdout),
    textOf(running.stderr),
  ])
  return { status, stdout, stderr }
}

test("what the host pastes, the domain has; what the domain copies, the host reads", async () => {
  assert.equal((await run(clipboardPaste, { input: "from outside\n" })).status, 0)
  assert.equal((await run(skerryClipboard, { argv: ["paste"] })).stdout, "from outside\n")
  assert.equal((await run(skerryClipboard, { argv: ["copy"], input: "from within" })).status, 0)
  assert.equal((await run(clipboardRead)).stdout, "from within")
  assert.equal(statSync(join(home, ".clipboard")).mode & 0o777, 0o600)
})

test("an empty clipboard is empty text", async () => {
  assert.deepEqual(await run(clipboardRead), { status: 0, stdout: "", stderr: "" })
})

test("of a display's clipboard that is too long nothing older is read", async () => {
  await run(skerryClipboard, { argv: ["copy"], input: "older" })
  const tool = join(home, "wl-paste")
  writeFileSync(tool, "#!/bin/sh\nhead -c 70000 /dev/zero\n", { mode: 0o755 })
  const environment = { WAYLAND_DISPLAY: "wayland-0", PATH: `${home}:/usr/bin:/bin` }
  const { status, stdout, stderr } = await run(clipboardRead, { environment })
  assert.deepEqual([status, stdout], [1, ""])
  assert.match(stderr, /longer than 65536 bytes/)
})

test("another domain neither reads nor fills it", async () => {
  for (const program of [clipboardPaste, clipboardRead]) {
    for (const source of ["evil", "dom0", ""]) {
      const { status, stderr } = await run(program, { source, input: "x" })
      assert.equal(status, 1)
      assert.match(stderr, /by the host's user alone/)
    }
  }
})

test("a text is as long as the limit, and UTF-8", async () => {
  const { textBytes } = CLIPBOARD_LIMITS
  assert.equal((await run(clipboardPaste, { input: "x".repeat(textBytes) })).status, 0)
  assert.match(
    (await run(clipboardPaste, { input: "x".repeat(textBytes + 1) })).stderr,
    /longer than 65536 bytes/,
  )
  assert.match((await run(clipboardPaste, { input: Buffer.from([0xff]) })).stderr, /not UTF-8/)
  assert.equal((await run(clipboardRead)).stdout.length, textBytes, "what was there before stays")
})
