import assert from "node:assert/strict"
import { test } from "node:test"
import { panicWatch } from "./panic-watch.ts"

const PANIC = '[    1.2] Kernel panic - not syncing: no "init" found\r\n[    1.3] CPU: 0\r\n'

for (const [how, pieces] of Object.entries({
  whole: [PANIC],
  "in pieces": PANIC.match(/.{1,9}/gs) ?? [],
  "byte by byte": [...PANIC],
})) {
  test(`a kernel's last words are found and quoted, and the console passed on: ${how}`, () => {
    let seen = ""
    const watch = panicWatch((text) => {
      seen += text
    })
    watch.onConsole("starting\r\n")
    assert.equal(watch.lastWords(), undefined)
    for (const piece of pieces) watch.onConsole(piece)
    assert.equal(watch.lastWords(), '"no \\"init\\" found"')
    assert.equal(seen, `starting\r\n${PANIC}`)
  })
}

test("the first panic counts, and neither one without an end nor one of more than 200 characters", () => {
  const watch = panicWatch(() => {})
  watch.onConsole("Kernel panic - not syncing: unfinished")
  assert.equal(watch.lastWords(), undefined)
  watch.onConsole(`${"x".repeat(200)}\n`)
  assert.equal(watch.lastWords(), undefined)
  watch.onConsole("Kernel panic - not syncing: first\nKernel panic - not syncing: second\n")
  assert.equal(watch.lastWords(), '"first"')
})

test("a guest that prints without end costs no memory", () => {
  const watch = panicWatch(() => {})
  const before = process.memoryUsage().heapUsed
  const piece = "Kernel panic - not syncing: ".repeat(2340) // 64 KiB
  for (let i = 0; i < 2048; i++) watch.onConsole(piece)
  assert.ok(process.memoryUsage().heapUsed - before < 64 << 20, "half of what it printed")
  assert.equal(watch.lastWords(), undefined)
})
