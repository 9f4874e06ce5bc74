import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { Pump } from "./pump.ts"

const linux = openLinux()

test("bytes and their end go from one pipe to the other, and are counted", async () => {
  await using pump = new Pump(linux)
  const [source, target] = [linux.pipe(), linux.pipe()]
  const carrying = pump.carry(source.read, target.write)
  writeSync(source.write, "hello")
  closeSync(source.write)
  const bytes = Buffer.alloc(16)
  assert.equal(readSync(target.read, bytes), 5)
  assert.equal(readSync(target.read, bytes), 0)
  assert.equal(await carrying.ended, 5)
  closeSync(target.read)
})

test("many pairs at once, each as much as its reader takes", async () => {
  await using pump = new Pump(linux)
  const total = 8_000_000
  const runs = Array.from({ length: 8 }, async () => {
    const [source, target] = [linux.pipe(), linux.pipe()]
    const writer = spawn("head", ["-c", String(total), "/dev/zero"], {
      stdio: ["ignore", source.write, "ignore"],
    })
    const reader = spawn("wc", ["-c"], { stdio: [target.read, "pipe", "ignore"] })
    closeSync(source.write)
    closeSync(target.read)
    let counted = ""
    reader.stdout?.on("data", (chunk: Buffer) => {
      counted += chunk
    })
    const carrying = pump.carry(source.read, target.write)
    await Promise.all([once(writer, "exit"), once(reader, "close")])
    assert.equal(Number(counted), total)
    assert.equal(await carrying.ended, total)
  })
  await Promise.all(runs)
})

test("a reader that goes away ends the writer", async () => {
  await using pump = new Pump(linux)
  const [source, target] = [linux.pipe(), linux.pipe()]
  const writer = spawn("yes", [], { stdio: ["ignore", source.write, "ignore"] })
  closeSync(source.write)
  const carrying = pump.carry(source.read, target.write)
  readSync(target.read, Buffer.alloc(2))
  closeSync(target.read)
  const [, signal] = await once(writer, "exit")
  assert.equal(signal, "SIGPIPE")
  assert.ok((await carrying.ended) > 0)
})

test("a reader that goes away is noticed while nothing is written", async () => {
  await using pump = new Pump(linux)
  const [source, target] = [linux.pipe(), linux.pipe()]
  const carrying = pump.carry(source.read, target.write)
  closeSync(target.read)
  assert.equal(await carrying.ended, 0)
  assert.throws(() => writeSync(source.write, "x"), { code: "EPIPE" })
  closeSync(source.write)
})

test("cancelled, both pipes are closed", async () => {
  await using pump = new Pump(linux)
  const [source, target] = [linux.pipe(), linux.pipe()]
  const carrying = pump.carry(source.read, target.write)
  carrying.cancel()
  await carrying.ended
  carrying.cancel()
  assert.equal(readSync(target.read, Buffer.alloc(1)), 0)
  assert.throws(() => writeSync(source.write, "x"), { code: "EPIPE" })
  closeSync(source.write)
  closeSync(target.read)
})

test("what cannot be carried ends, and takes nothing else along", async () => {
  await using pump = new Pump(linux)
  const [source, target, other] = [linux.pipe(), linux.pipe(), linux.pipe()]
  const whole = pump.carry(source.read, target.write)
  assert.equal(await pump.carry(openSync("/", "r"), other.write).ended, 0)
  writeSync(source.write, "x")
  closeSync(source.write)
  assert.equal(await whole.ended, 1)
  for (const fd of [target.read, other.read]) closeSync(fd)
})

test("a pump that is disposed of leaves no thread and no descriptor", async () => {
  const before = openDescriptors()
  {
    await using pump = new Pump(linux)
    const [source, target] = [linux.pipe(), linux.pipe()]
    const carrying = pump.carry(source.read, target.write)
    closeSync(source.write)
    await carrying.ended
    closeSync(target.read)
  }
  assert.equal(openDescriptors(), before)
})

/** Of this process; those of Node's own threads come and go with the first worker, so one was made before. */
function openDescriptors(): number {
  let count = 0
  for (let fd = 0; fd < 256; fd++) {
    try {
      fstatSync(fd)
      count += 1
    } catch {
      // closed
    }
  }
  return count
}
