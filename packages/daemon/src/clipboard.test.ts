import assert from "node:assert/strict"
import { duplexPair } from "node:stream"
import { buffer } from "node:stream/consumers"
import { test } from "node:test"
import { ADMIN, CLIPBOARD_LIMITS, CLIPBOARD_METHODS, Connection, RemoteError } from "@skerry/rpc"
import { Clipboard } from "./clipboard.ts"
import { clipboardHandlers, type DecidePaste } from "./clipboard-service.ts"
import { writePolicy } from "./testing/calls.ts"
import { startTestDaemon } from "./testing/test-daemon.ts"

const PERMITTED: DecidePaste = () => Promise.resolve({ kind: "ask" })

function connected(decide = PERMITTED, clipboard = new Clipboard(() => 0)) {
  const [near, far] = duplexPair()
  new Connection(far, { serve: clipboardHandlers(clipboard, decide) })
  const connection = new Connection(near)
  return {
    clipboard,
    async put(text: string | Buffer, source = "mail", seconds = 0) {
      const call = connection.call(CLIPBOARD_METHODS.clipboardPut, { source, seconds })
      call.stdin.end(text)
      return await call.result
    },
    async take(target = "work") {
      const call = connection.call(CLIPBOARD_METHODS.clipboardTake, { target })
      const [text, { source }] = await Promise.all([buffer(call.stdout), call.result])
      return { text: text.toString("utf8"), source }
    },
    status: () => connection.call(CLIPBOARD_METHODS.clipboardStatus, undefined).result,
    clear: () => connection.call(CLIPBOARD_METHODS.clipboardClear, undefined).result,
  }
}

const isCode = (code: string) => (error: unknown) => error instanceof RemoteError && error.code === code

test("a text is taken once", async () => {
  const { put, take, status } = connected()
  assert.deepEqual(await put("secret"), { bytes: 6 })
  assert.deepEqual(await status(), { isFilled: true, source: "mail", bytes: 6, wipedInMs: 60_000 })
  assert.deepEqual(await take(), { text: "secret", source: "mail" })
  await assert.rejects(take(), isCode("bad-request"))
  assert.equal((await status()).isFilled, false)
})

test("a rule that denies is kept to, but for the user's own text", async () => {
  const { put, take } = connected((source, target) =>
    Promise.resolve({ kind: source === "bank" && target === "web" ? "deny" : "allow" }),
  )
  await put("secret", "bank")
  await assert.rejects(take("web"), isCode("bad-request"))
  assert.equal((await take("vault")).text, "secret")
  await put("mine", "-")
  assert.equal((await take("web")).text, "mine")
})

test("a text is overwritten in memory when it is replaced or cleared", async () => {
  const { put, clear, take, clipboard } = connected()
  const first = Buffer.from("first")
  clipboard.put({ text: first, source: "-" }, 1000)
  await put("second")
  assert.deepEqual(first, Buffer.alloc(5))
  await clear()
  await assert.rejects(take(), isCode("bad-request"))
})

test("a text is wiped when its time is over", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] })
  const clipboard = new Clipboard(() => 0)
  const text = Buffer.from("secret")
  clipboard.put({ text, source: "mail" }, 60_000)
  context.mock.timers.tick(59_999)
  assert.equal(clipboard.status?.bytes, 6)
  context.mock.timers.tick(1)
  assert.equal(clipboard.status, undefined)
  assert.deepEqual(text, Buffer.alloc(6))
})

test("an earlier text's time does not end a later one", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] })
  const clipboard = new Clipboard(() => 0)
  clipboard.put({ text: Buffer.from("one"), source: "mail" }, 1000)
  context.mock.timers.tick(900)
  clipboard.put({ text: Buffer.from("two"), source: "mail" }, 1000)
  context.mock.timers.tick(900)
  assert.equal(clipboard.take()?.text.toString(), "two")
})

test("a text is as long as the limit, is UTF-8, and stays no longer than an hour", async () => {
  const { put, take } = connected()
  const { textBytes, maxSeconds } = CLIPBOARD_LIMITS
  await put("x".repeat(textBytes), "-", maxSeconds)
  assert.equal((await take()).text.length, textBytes)
  await assert.rejects(put("x".repeat(textBytes + 1)), isCode("bad-request"))
  await assert.rejects(put(Buffer.from([0xff])), isCode("bad-request"))
  await assert.rejects(put("x", "-", maxSeconds + 1), isCode("bad-request"))
})

test("the daemon asks its policy, also about a source that has ended", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "qubes.ClipboardPaste * mail bank deny\nqubes.ClipboardPaste * @anyvm @anyvm ask\n")
  const connection = daemon.connect()
  const put = async (source: string) => {
    const call = connection.call(ADMIN.clipboardPut, { source, seconds: 0 })
    call.stdin.end("text")
    await call.result
  }
  const take = async (target: string) => {
    const call = connection.call(ADMIN.clipboardTake, { target })
    const [text] = await Promise.all([buffer(call.stdout), call.result])
    return text.toString("utf8")
  }
  await put("mail")
  await assert.rejects(take("bank"), isCode("bad-request"))
  assert.equal(await take("light"), "text")
  await put("pdf-gone12")
  assert.equal(await take("bank"), "text")
})
