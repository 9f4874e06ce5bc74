import assert from "node:assert/strict"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, test } from "node:test"
import { runProgram, serviceTable, textOf } from "../testing.ts"
import { qvmOpenInDvm, qvmOpenInVm } from "./command.ts"
import { decodeName, encodeName, OPEN_LIMITS } from "./exchange.ts"
import { openReceived } from "./open-in-vm.ts"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skerry-open-test-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Opens `file` in a domain whose handler is this shell command; $1 is the file there. */
async function openWith(handler: string, argv: readonly string[], program = qvmOpenInVm) {
  const table = serviceTable({
    "qubes.OpenInVM": () =>
      runProgram((io) => openReceived(io, (path) => ["sh", "-c", handler, "handler", path]), {
        environment: { PATH: process.env.PATH ?? "" },
      }),
  })
  const run = runProgram(program, { argv, cwd: folder, openCall: table.openCall })
  const [status, stderr] = await Promise.all([run.status, textOf(run.stderr)])
  return { status, stderr, calls: table.calls }
}

const put = (name: string, text: string) => writeFileSync(join(folder, name), text)
const text = (name: string) => readFileSync(join(folder, name), "utf8")

test("a file that was changed there comes back, and keeps its mode", async () => {
  put("a.txt", "one\n")
  chmodSync(join(folder, "a.txt"), 0o640)
  const { status, calls } = await openWith('echo two >> "$1"', ["work", "a.txt"])
  assert.equal(status, 0)
  assert.equal(text("a.txt"), "one\ntwo\n")
  assert.equal(statSync(join(folder, "a.txt")).mode & 0o777, 0o640)
  assert.deepEqual(calls, [{ target: "work", service: "qubes.OpenInVM" }])
  assert.deepEqual(readdirSync(folder), ["a.txt"])
})

test("an editor may put a new file in the old one's place", async () => {
  put("a.txt", "one\n")
  await openWith('echo new > "$1.tmp" && mv "$1.tmp" "$1"', ["a.txt"], qvmOpenInDvm)
  assert.equal(text("a.txt"), "new\n")
})

test("a file that was only read stays as it is", async () => {
  put("a.txt", "one\n")
  const before = statSync(join(folder, "a.txt"))
  assert.equal((await openWith('touch "$1"; cat "$1"', ["work", "a.txt"])).status, 0)
  assert.equal(statSync(join(folder, "a.txt")).ino, before.ino)
})

test("with --view-only nothing comes back, and the file is not to be written there", async () => {
  put("a.txt", "one\n")
  const handler = '[ "$(stat -c %a "$1")" = 400 ] && chmod 600 "$1" && echo changed > "$1"'
  const { status } = await openWith(handler, ["--view-only", "work", "a.txt"])
  assert.equal(status, 0)
  assert.equal(text("a.txt"), "one\n")
})

test("where the handler fails the file stays, and what it said is shown harmless", async () => {
  put("a.txt", "one\n")
  const { status, stderr } = await openWith('echo bad > "$1"; printf "no\\033[2J" >&2; exit 3', [
    "work",
    "a.txt",
  ])
  assert.equal(status, 1)
  assert.match(stderr, /^no\\u001b\[2J.*ended with status 3/s)
  assert.equal(text("a.txt"), "one\n")
  assert.deepEqual(readdirSync(folder), ["a.txt"])
})

test("a link goes to the other domain's browser instead", async () => {
  const { status, stderr } = await openWith("true", ["work", "https://example.org/"])
  assert.equal(status, 1)
  assert.match(stderr, /No service qubes\.OpenURL in this test/)
})

test("names arrive as harmless as they can be", () => {
  const arrive = (name: string, isViewOnly = false) => decodeName(encodeName(name, isViewOnly))
  assert.deepEqual(arrive("report.pdf"), { name: "report.pdf", isViewOnly: false })
  assert.deepEqual(arrive("report.pdf", true), { name: "report.pdf", isViewOnly: true })
  assert.equal(arrive("a b;$(id)\u001b.txt").name, "a_b___id__.txt")
  assert.equal(arrive("-rf").name, "_rf")
  assert.equal(arrive("größe.txt").name, "größe.txt")
  assert.equal(arrive(`${"ü".repeat(200)}.pdf`).name.slice(-6), "üü.pdf")
  const raw = (name: string) => Buffer.concat([Buffer.from(name)], OPEN_LIMITS.nameBytes)
  for (const name of ["", "..", "../x", "/etc/passwd", "a/b"]) {
    assert.throws(() => decodeName(raw(name)), { code: "cannot-open" }, name)
  }
  assert.equal(decodeName(raw("n".repeat(255))).name.length, 255)
  assert.throws(() => decodeName(Buffer.alloc(OPEN_LIMITS.nameBytes, "n")), { code: "cannot-open" })
})
