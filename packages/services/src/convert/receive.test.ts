import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { after, test } from "node:test"
import type { Program, ProgramIo } from "../program.ts"
import { runProgram, serviceTable } from "../testing.ts"
import { ConvertError } from "./convert-error.ts"
import { convertFile } from "./convert-file.ts"
import { CONVERT_LIMITS } from "./limits.ts"

const folder = mkdtempSync(join(tmpdir(), "skerry-receive-"))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, "in.pdf"), "anything")

interface Outcome {
  readonly error: unknown
  readonly seen: string[]
}

/** What comes of a renderer that behaves so; a failure leaves no file. */
async function receive(
  renderer: Program,
  { idleMs = 10_000, totalMs = 20_000, signal = new AbortController().signal } = {},
): Promise<Outcome> {
  const outputFolder = mkdtempSync(join(folder, "out-"))
  const { openCall } = serviceTable({ "skerry.Convert": () => runProgram(renderer) })
  const seen: string[] = []
  const onPage = (done: number, pages: number) => seen.push(`${done}/${pages}`)
  const options = { openCall, target: "@dispvm", path: join(folder, "in.pdf"), outputFolder, dpi: 72 }
  const error = await convertFile({ ...options, idleMs, totalMs, signal, onPage }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.deepEqual(readdirSync(outputFolder), error === undefined ? ["in.trusted.pdf"] : [])
  return { error, seen }
}

const sends =
  (...pieces: (string | Uint8Array)[]): Program =>
  async ({ stdin, stdout }) => {
    stdin.resume()
    for (const piece of pieces) stdout.write(piece)
    return 0
  }

async function refuses(renderer: Program, code: string, message: RegExp, options = {}): Promise<void> {
  const { error } = await receive(renderer, options)
  assert.ok(error instanceof ConvertError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, message)
}

const pixels = (count: number) => new Uint8Array(count * 3)

test("pages become a PDF, whole or byte by byte", async () => {
  const stream = Buffer.concat([Buffer.from("2\n2 1\n"), pixels(2), Buffer.from("1 3\n"), pixels(3)])
  for (const pieces of [[stream], [...stream].map((byte) => Uint8Array.of(byte))]) {
    const { error, seen } = await receive(sends(...pieces))
    assert.equal(error, undefined)
    assert.deepEqual(seen, ["0/2", "1/2", "2/2"])
  }
})

test("a number of pages that is none, or too large, is refused", async () => {
  for (const line of ["0", "10001", "99999", "-1", "+1", " 1", "01", "1e3", "1 ", "", "0x1", "1\r", "１"]) {
    await refuses(sends(`${line}\n`), "bad-render", /^A document has 1 to 10000 pages: /)
  }
})

test("10,000 pages are as many as there may be", async () => {
  const { seen } = await receive(sends(`${CONVERT_LIMITS.pages}\n`))
  assert.deepEqual(seen, ["0/10000"])
})

test("a side of 10,000 pixels is as long as it may be", async () => {
  const { error } = await receive(sends("1\n10000 1\n", pixels(10_000)))
  assert.equal(error, undefined)
  for (const size of [
    "10001 1",
    "1 10001",
    "0 1",
    "1 0",
    "1",
    "1 1 1",
    "1  1",
    "1\t1",
    "-1 -1",
    "65537 65537",
  ]) {
    await refuses(sends(`1\n${size}\n`), "bad-render", /^Page 1 has sides of 1 to 10000 pixels: /)
  }
})

test("lines without an end are not collected", async () => {
  await refuses(sends("1".repeat(1_000_000)), "bad-render", /too long for the number of pages/)
  await refuses(sends("1\n", "1".repeat(1_000_000)), "bad-render", /too long for the size of page 1/)
})

test("too few and too many bytes are refused", async () => {
  await refuses(sends("1\n2 2\n", pixels(3)), "cut", /^Page 1 ends 3 bytes too early/)
  await refuses(sends("2\n1 1\n", pixels(1)), "cut", /ends before the size of page 2/)
  await refuses(sends(), "cut", /ends before the number of pages/)
  await refuses(sends("1\n1 1\n", pixels(1), "\n"), "bad-render", /^Something follows the last page/)
})

test("endless output is cut where the document should have ended", async () => {
  let written = 0
  const endless: Program = async ({ stdout }) => {
    stdout.write("1\n1 1\n")
    while (!stdout.destroyed) {
      written += 65_536
      if (!stdout.write(new Uint8Array(65_536))) {
        await new Promise((resolve) => stdout.once("drain", resolve).once("close", resolve))
      }
    }
    return 0
  }
  await refuses(endless, "bad-render", /^Something follows the last page/)
  assert.ok(written < 1_000_000, String(written))
})

test("pixels over the bound of a whole document are refused before they are read", async () => {
  const page = 10_000 * 10_000 * 3
  const pages = Math.floor(CONVERT_LIMITS.pixelBytes / page) + 1
  const { PageReader } = await import("./page-reader.ts")
  const sizes = async function* () {
    for (let at = 0; at < pages; at++) yield Buffer.from("10000 10000\n")
  }
  const reader = new PageReader(sizes())
  for (let at = 1; at < pages; at++) await reader.readPageSize(at)
  await assert.rejects(reader.readPageSize(pages), /are allowed; a lower --dpi makes fewer/)
})

test("a renderer that dies halfway is quoted, and its words cannot act on a terminal", async () => {
  const dies: Program = async ({ stdout, stderr }) => {
    stdout.write("3\n1 1\n")
    stderr.write("\u001b[2Jpage 1 is broken\n")
    return 1
  }
  await refuses(dies, "render-failed", /^It could not be rendered: \\u001b\[2Jpage 1 is broken$/)
  const talks: Program = async ({ stderr }) => {
    for (let at = 0; at < 1000; at++) stderr.write("x".repeat(1000))
    return 1
  }
  const { error } = await receive(talks)
  assert.ok((error as Error).message.length < CONVERT_LIMITS.complaintBytes + 100)
})

test("a call that is refused says why", async () => {
  const outputFolder = mkdtempSync(join(folder, "refused-"))
  const { signal } = new AbortController()
  const converting = convertFile({
    openCall: async () => {
      const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
      stdout.end()
      stderr.end()
      return {
        stdin,
        stdout,
        stderr,
        exitCode: Promise.reject(new Error("line 3 refuses it")),
        cancel: () => {},
      }
    },
    target: "@dispvm",
    path: join(folder, "in.pdf"),
    outputFolder,
    dpi: 72,
    signal,
    onPage: () => {},
  })
  await assert.rejects(converting, /^Error: line 3 refuses it$/)
  assert.deepEqual(readdirSync(outputFolder), [])
})

test("a whole document from a renderer that says it failed is no document", async () => {
  const fails: Program = async ({ stdout }) => {
    stdout.write("1\n1 1\n")
    stdout.write(pixels(1))
    return 3
  }
  await refuses(fails, "render-failed", /status 3/)
})

const isSilent: Program = ({ stdout }) => new Promise((resolve) => stdout.once("close", () => resolve(1)))

test("a renderer that says nothing is given up, and so is one that drips for ever", async () => {
  await refuses(isSilent, "deadline", /Nothing came for 0\.05 s/, { idleMs: 50 })
  const drips: Program = async ({ stdout }) => {
    stdout.write("1\n10000 10000\n")
    const timer = setInterval(() => stdout.write(Uint8Array.of(0)), 5)
    await new Promise((resolve) => stdout.once("close", resolve))
    clearInterval(timer)
    return 1
  }
  await refuses(drips, "deadline", /It took over 0\.2 s in all/, { totalMs: 200 })
})

test("what nobody wants any more is called off", async () => {
  const controller = new AbortController()
  const reason = new Error("enough")
  const renderer: Program = (io: ProgramIo) => {
    controller.abort(reason)
    return isSilent(io)
  }
  assert.equal((await receive(renderer, { signal: controller.signal })).error, reason)
})

test("a copy takes the place of no file", async () => {
  const outputFolder = mkdtempSync(join(folder, "taken-"))
  writeFileSync(join(outputFolder, "in.trusted.pdf"), "mine")
  const { openCall, calls } = serviceTable({})
  const options = { openCall, target: "@dispvm", path: join(folder, "in.pdf"), outputFolder, dpi: 72 }
  const { signal } = new AbortController()
  await assert.rejects(convertFile({ ...options, signal, onPage: () => {} }), /exists already/)
  assert.deepEqual(calls, [])
  assert.equal(readFileSync(join(outputFolder, "in.trusted.pdf"), "utf8"), "mine")
})
