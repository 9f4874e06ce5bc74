import assert from "node:assert/strict"
import { test } from "node:test"
import { ioUnit } from "./io-unit.ts"

test("data is moved in whole pieces of trees where a message has room for one", () => {
  assert.equal(ioUnit(4096), 0)
  assert.equal(ioUnit(128 * 1024 + 23), 0)
  assert.equal(ioUnit(128 * 1024 + 24), 128 * 1024)
  assert.equal(ioUnit(512 * 1024), 384 * 1024)
  assert.equal(ioUnit(1024 * 1024), 896 * 1024)
})
