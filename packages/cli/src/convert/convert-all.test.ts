import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { after, test } from "node:test"
import type { ProgressEvent } from "@skerry/model"
import type { CallTo, ProgramIo } from "@skerry/services"
import { runCommandLine } from "../testing.ts"
import { convertAll } from "./convert-all.ts"

const folder = mkdtempSync(join(tmpdir(), "skerry-convert-all-"))
after(() => rmSync(folder, { recursive: true }))

const onePage = Buffer.concat([Buffer.from("1\n2 2\n"), new Uint8Array(12)])

/** Renderers that answer once all of their document has come; "bad" fails. What is open at once is counted. */
class Renderers {
  readonly calls: CallTo[] = []
  open = 0
  most = 0

  readonly openCall: ProgramIo["openCall"] = async (to) => {
    this.calls.push(to)
    this.open += 1
    this.most = Math.max(this.most, this.open)
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    let document = ""
    stdin.on("data", (chunk) => {
      document += String(chunk)
    })
    const { promise: exitCode, resolve } = Promise.withResolvers<number>()
    stdin.once("end", () => {
      const isBad = document === "bad"
      stdout.end(isBad ? "" : onePage)
      stderr.end(isBad ? "it is broken\n" : "")
      this.open -= 1
      resolve(isBad ? 1 : 0)
    })
    return { stdin, stdout, stderr, exitCode, cancel: () => resolve(1) }
  }
}

function write(documents: Readonly<Record<string, string>>): string[] {
  return Object.entries(documents).map(([name, content]) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  })
}

test("a batch has a disposable for each document, at most so many at once, and one failure stops no other", async () => {
  const renderers = new Renderers()
  const paths = write({ "a.pdf": "a", "b.pdf": "bad", "c.png": "c", "d.pdf": "d", "e.pdf": "e" })
  const events: ProgressEvent[] = []
  const outputFolder = mkdtempSync(join(folder, "out-"))
  const converted = await convertAll({
    openCall: renderers.openCall,
    target: "@dispvm:pdf",
    paths,
    outputFolder,
    dpi: 100,
    jobs: 2,
    signal: new AbortController().signal,
    onProgress: (event) => events.push(event),
  })
  assert.equal(renderers.calls.length, 5)
  assert.equal(renderers.most, 2)
  const [{ target, service, argument } = {}] = renderers.calls
  assert.deepEqual(
    { target, service, argument },
    { target: "@dispvm:pdf", service: "skerry.Convert", argument: "100" },
  )
  assert.deepEqual(
    converted.map(({ result }) =>
      result.kind === "made" ? result.copy.slice(outputFolder.length + 1) : result.why,
    ),
    [
      "a.trusted.pdf",
      "It could not be rendered: it is broken",
      "c.png.trusted.pdf",
      "d.trusted.pdf",
      "e.trusted.pdf",
    ],
  )
  assert.deepEqual(readdirSync(outputFolder).sort(), [
    "a.trusted.pdf",
    "c.png.trusted.pdf",
    "d.trusted.pdf",
    "e.trusted.pdf",
  ])
  const ends = events.flatMap((event) => (event.kind === "end" ? [event.note] : []))
  assert.equal(ends.filter((note) => note === "1 page").length, 4)
  assert.equal(ends.filter((note) => note === "failed").length, 1)
})

test("an interrupted batch leaves no file", async () => {
  const controller = new AbortController()
  const reason = new Error("interrupted")
  const outputFolder = mkdtempSync(join(folder, "out-"))
  const renderers = new Renderers()
  const converting = convertAll({
    openCall: async (to) => {
      const call = await renderers.openCall(to)
      controller.abort(reason)
      return call
    },
    target: "@dispvm",
    paths: write({ "f.pdf": "f", "g.pdf": "g" }),
    outputFolder,
    dpi: 100,
    jobs: 2,
    signal: controller.signal,
    onProgress: () => {},
  })
  await assert.rejects(converting, reason)
  assert.deepEqual(readdirSync(outputFolder), [])
})

test("options that make no sense are refused before a daemon is looked for", async () => {
  for (const [words, message] of [
    [["--dpi", "35"], /A resolution is a number from 36 to 600, not "35"/],
    [["--dpi", "601"], /not "601"/],
    [["--dpi", "1e2"], /not "1e2"/],
    [["--jobs", "0"], /--jobs takes a number from 1 to 16, not "0"/],
    [["--jobs", "17"], /not "17"/],
  ] as const) {
    const { status, stderr } = await runCommandLine(["convert", ...words, "x.pdf"])
    assert.notEqual(status, 0)
    assert.match(stderr, message)
  }
})
