import assert from "node:assert/strict"
import { test } from "node:test"
import { CapturedOutput } from "../testing.ts"
import { Progress } from "./progress.ts"

function scripted(terminal: { isTTY?: boolean; columns?: number }) {
  const output = new CapturedOutput(terminal)
  let now = 0
  const progress = new Progress(output, () => now)
  return {
    output,
    progress,
    show: progress.onProgress,
    wait(ms: number) {
      now += ms
    },
  }
}

const begin = { kind: "begin", step: "get", label: "Download", unit: "bytes", total: 30_000_000 } as const
const advance = (done: number) => ({ kind: "advance", step: "get", done }) as const

test("a terminal sees one line with bar, percent, amount, rate and remaining time", () => {
  const { output, show, wait } = scripted({ isTTY: true, columns: 120 })
  show(begin)
  assert.equal(output.text, "\r\u001b[KDownload  ────────────────────    0%  0 B of 30.0 MB")
  wait(3000)
  show(advance(12_000_000))
  assert.equal(
    output.text,
    "\r\u001b[KDownload  ━━━━━━━━────────────   40%  12.0 MB of 30.0 MB  4.0 MB/s  4.5 s left",
  )
  wait(4500)
  show({ kind: "end", step: "get" })
  assert.equal(output.text, "\r\u001b[KDownload: done, 12.0 MB, 7.5 s\n")
})

test("a terminal is drawn on at most ten times a second", () => {
  const { output, show, wait } = scripted({ isTTY: true })
  show(begin)
  for (let done = 1; done <= 1000; done++) {
    wait(1)
    show(advance(done))
  }
  assert.equal(output.text.split("\r").length - 1, 11)
})

test("a line never fills the terminal's width", () => {
  const { output, show, wait } = scripted({ isTTY: true, columns: 30 })
  show(begin)
  wait(1000)
  show(advance(1_000_000))
  for (const line of output.text.split("\r\u001b[K")) assert.ok(line.length <= 29, line)
})

test("a log gets a line at the start, at the end, and each ten seconds", () => {
  const { output, show, wait } = scripted({})
  show(begin)
  for (let second = 1; second <= 25; second++) {
    wait(1000)
    show(advance(second * 1_000_000))
  }
  show({ kind: "end", step: "get", note: "all verified" })
  assert.deepEqual(output.text.split("\n"), [
    "Download …",
    "Download:  33%, 10.0 MB of 30.0 MB, 1.0 MB/s, 20 s left",
    "Download:  66%, 20.0 MB of 30.0 MB, 1.0 MB/s, 10 s left",
    "Download: all verified, 25.0 MB, 25 s",
    "",
  ])
})

test("items are counted, also where nobody knows how many there will be", () => {
  const { output, show, wait } = scripted({ isTTY: true })
  show({ kind: "begin", step: "x", label: "Unpack", unit: "items" })
  wait(2000)
  show({ kind: "advance", step: "x", done: 40 })
  wait(2000)
  show({ kind: "advance", step: "x", done: 80, total: 100 })
  assert.deepEqual(output.text.split("\r\u001b[K").slice(1), [
    "Unpack",
    "Unpack  40  20/s",
    "Unpack  ━━━━━━━━━━━━━━━━────   80%  80 of 100  20/s  1.0 s left",
  ])
})

test("more than the whole, a clock that stands and a total of nothing do no harm", () => {
  const { output, show } = scripted({})
  show({ kind: "begin", step: "x", label: "A\u001b[2J\nB", unit: "items", total: 0 })
  show({ kind: "advance", step: "x", done: 5 })
  show({ kind: "end", step: "x" })
  assert.equal(output.text, "A\\u001b[2J\\u000aB …\nA\\u001b[2J\\u000aB: done, 0.0 s\n")
})

test("steps that nobody began are not shown", () => {
  const { output, show } = scripted({})
  show(advance(1))
  show({ kind: "end", step: "get" })
  assert.equal(output.text, "")
})

test("disposing clears the line, and does so once", () => {
  const { output, progress, show } = scripted({ isTTY: true })
  show(begin)
  assert.notEqual(output.text, "")
  progress[Symbol.dispose]()
  progress[Symbol.dispose]()
  assert.equal(output.text, "\r\u001b[K")
})

test("a step that tells nothing is seen to go on", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] })
  for (const isTTY of [true, false]) {
    const { output, progress, show, wait } = scripted({ isTTY })
    show({ kind: "begin", step: "x", label: "Unpack", unit: "items" })
    for (let second = 1; second <= 12; second++) {
      wait(1000)
      context.mock.timers.tick(1000)
    }
    const { text } = output
    if (isTTY)
      assert.ok(text.startsWith("\r\u001b[KUnpack\r\u001b[KUnpack  1.0 s\r\u001b[KUnpack  2.0 s"), text)
    else assert.equal(text, "Unpack …\nUnpack: 10 s\n")
    progress[Symbol.dispose]()
    context.mock.timers.tick(1000)
    assert.equal(output.text, isTTY ? "\r\u001b[K" : "")
  }
})

test("steps over the limit are not kept", () => {
  const { output, show } = scripted({})
  for (let at = 0; at <= 256; at++) show({ ...begin, step: String(at) })
  assert.equal(output.text.split("\n").length - 1, 256)
})
