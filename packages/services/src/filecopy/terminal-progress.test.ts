import assert from "node:assert/strict"
import { PassThrough } from "node:stream"
import { test } from "node:test"
import { copyLine, TerminalProgress } from "./terminal-progress.ts"

test("a copy shows how far it is, how fast, and how long it will take", () => {
  assert.equal(copyLine(0, 30_000_000, 0), "────────────────────  0%  0.0 MB of 30.0 MB")
  assert.equal(
    copyLine(12_000_000, 30_000_000, 3000),
    "━━━━━━━━────────────  40%  12.0 MB of 30.0 MB  4.0 MB/s  5 s left",
  )
  assert.equal(copyLine(5, 0, 1), "━━━━━━━━━━━━━━━━━━━━  100%  0.0 MB of 0.0 MB  0.0 MB/s")
})

test("it is drawn on a terminal alone, ten times a second at most, and cleared at the end", () => {
  for (const isTTY of [true, false]) {
    const output = Object.assign(new PassThrough(), { isTTY })
    let now = 0
    {
      using progress = new TerminalProgress(output, 1000, () => now)
      for (now = 0; now < 1000; now++) progress.show(now)
    }
    const drawn = String(output.read() ?? "")
    assert.equal(drawn.split("\r").length - 1, isTTY ? 11 : 0)
    assert.ok(!isTTY || drawn.endsWith("\r\u001b[K"))
  }
})
