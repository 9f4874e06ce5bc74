import assert from "node:assert/strict"
import { closeSync } from "node:fs"
import { test } from "node:test"
import { openLinux } from "./linux.ts"

const linux = openLinux()

test("pieces are read and written as one run of bytes, whatever of them there is", () => {
  const [from, to] = linux.socketPair()
  const [source, target] = [linux.pieces(20, 8), linux.pieces(17, 8)]
  assert.deepEqual([source.buffer.length, target.buffer.length], [24, 24])
  source.buffer.write("abcdefghijklmnopqrstuvwx")
  for (const [start, end] of [
    [0, 24],
    [8, 24],
    [8, 11],
    [0, 1],
    [16, 17],
  ] as const) {
    assert.equal(linux.writePieces(from, source, start, end), end - start)
    assert.equal(linux.readPieces(to, target), end - start)
    assert.equal(
      target.buffer.toString("latin1", 0, end - start),
      source.buffer.toString("latin1", start, end),
    )
  }
  linux.setBlocking(to, false)
  assert.equal(linux.readPieces(to, target), undefined)
  closeSync(from)
  assert.equal(linux.readPieces(to, target), 0)
  closeSync(to)
})

test("a socket takes as much as it was grown to", () => {
  const [from, to] = linux.socketPair()
  linux.setBlocking(from, false)
  const bytes = linux.pieces(512 * 1024, 32 * 1024)
  linux.growSocket(from, 1024 * 1024)
  const taken = linux.writePieces(from, bytes, 0, bytes.buffer.length) ?? 0
  if (process.getuid?.() === 0) assert.equal(taken, bytes.buffer.length)
  else assert.ok(taken > 0)
  for (const fd of [from, to]) closeSync(fd)
})
