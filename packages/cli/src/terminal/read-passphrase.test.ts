import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { test } from "node:test"
import { STATE_LIMITS } from "@skerry/rpc"
import { CapturedOutput } from "../testing.ts"
import { type KeyOptions, keyFrom } from "./read-passphrase.ts"

/** A terminal on which each of these is typed after another question was asked. */
function terminal(...typed: readonly string[]) {
  const modes: boolean[] = []
  const setRawMode = (mode: boolean) => modes.push(mode)
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode })
  const stderr = new CapturedOutput()
  const lines = [...typed]
  stderr.on("data", (text) => {
    if (/: $/.test(String(text))) stdin.write(lines.shift() ?? "\u0004")
  })
  return { stdin, stderr, modes, signal: new AbortController().signal, cwd: "/" }
}

const typedOn = async (screen: ReturnType<typeof terminal>, isNew = false) =>
  keyFrom(screen, {}, "Passphrase", isNew)

test("a passphrase is typed in raw mode, so that a terminal shows nothing of it, and the mode is given back", async () => {
  const screen = terminal("s\u00e9same\r")
  assert.deepEqual(await typedOn(screen), { kind: "passphrase", passphrase: "s\u00e9same" })
  assert.deepEqual(screen.modes, [true, false])
})

test("what was mistyped can be erased, one character or all", async () => {
  const screen = terminal("wrong\u0015sesamw\u007fe\r")
  assert.deepEqual(await typedOn(screen), { kind: "passphrase", passphrase: "sesame" })
})

test("a new passphrase is asked for twice, and nothing happens where the two differ", async () => {
  assert.equal((await typedOn(terminal("a b\r", "a b\r"), true)).kind, "passphrase")
  await assert.rejects(typedOn(terminal("a b\r", "a c\r"), true), /The two differ/)
})

test("Ctrl-C, Ctrl-D and an empty line give no passphrase, and the terminal has its mode back", async () => {
  for (const typed of ["abc\u0003", "abc\u0004", "\r"]) {
    const screen = terminal(typed)
    await assert.rejects(typedOn(screen), { name: "CliError" })
    assert.deepEqual(screen.modes, [true, false])
  }
})

test("an interrupt ends the question", async () => {
  const abort = new AbortController()
  const screen = { ...terminal("abc"), signal: abort.signal }
  const asked = typedOn(screen)
  abort.abort(new Error("interrupted"))
  await assert.rejects(asked, /interrupted/)
})

const folder = mkdtempSync(join(tmpdir(), "skerry-key-"))
test.after(() => rmSync(folder, { recursive: true }))

async function keyOf(options: KeyOptions, input = ""): Promise<unknown> {
  const stdin = new PassThrough()
  stdin.end(input)
  const { signal } = new AbortController()
  return keyFrom({ stdin, stderr: new CapturedOutput(), signal, cwd: folder }, options, "Passphrase", false)
}

test("without a terminal the first line of standard input is the passphrase", async () => {
  assert.deepEqual(await keyOf({}, "from a pipe\nmore\n"), { kind: "passphrase", passphrase: "from a pipe" })
  assert.deepEqual(await keyOf({ "passphrase-file": "-" }, "x\r\n"), { kind: "passphrase", passphrase: "x" })
})

test("a passphrase file has it on its first line; a key file is the key, byte by byte", async () => {
  writeFileSync(join(folder, "phrase"), "in a file\n")
  writeFileSync(join(folder, "key"), Buffer.from([0, 255, 10]))
  assert.deepEqual(await keyOf({ "passphrase-file": "phrase" }), {
    kind: "passphrase",
    passphrase: "in a file",
  })
  assert.deepEqual(await keyOf({ "key-file": "key" }), {
    kind: "keyFile",
    content: Buffer.from([0, 255, 10]),
  })
})

test("a key as long as the limit is taken, a byte more is refused, and so are empty and missing files", async () => {
  const path = join(folder, "long")
  writeFileSync(path, Buffer.alloc(STATE_LIMITS.keyBytes, "k"))
  assert.ok(await keyOf({ "key-file": "long" }))
  assert.ok(await keyOf({ "passphrase-file": "long" }))
  writeFileSync(path, Buffer.alloc(STATE_LIMITS.keyBytes + 1, "k"))
  await assert.rejects(keyOf({ "key-file": "long" }), /more than 4096 bytes/)
  await assert.rejects(keyOf({}, "k".repeat(STATE_LIMITS.keyBytes + 1)), /at most 4096 bytes/)
  writeFileSync(path, "")
  await assert.rejects(keyOf({ "key-file": "long" }), /is empty/)
  await assert.rejects(keyOf({ "key-file": "none" }), /ENOENT/)
  await assert.rejects(keyOf({ "key-file": "key", "passphrase-file": "phrase" }), /not both/)
})
