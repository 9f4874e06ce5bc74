import assert from "node:assert/strict"
import { closeSync, writeSync } from "node:fs"
import { test } from "node:test"
import { openLinux, POLL } from "@skerry/linux"
import { Loop } from "./loop.ts"

const linux = openLinux()
const openLoop = () => new Loop(linux, () => performance.now())

test("a descriptor is told of when it can be read, and not when nothing is wanted of it", () => {
  const loop = openLoop()
  const { read, write } = linux.pipe()
  const calls: string[] = []
  const watch = loop.watch(read, () => {
    calls.push("ready")
    watch.want(0)
    loop.after(20, () => loop.stop())
  })
  watch.want(POLL.in)
  writeSync(write, "x")
  loop.run()
  assert.deepEqual(calls, ["ready"])
  watch.close()
  closeSync(read)
  closeSync(write)
})

test("a hang-up is told of once somebody wants something", () => {
  const loop = openLoop()
  const { read, write } = linux.pipe()
  closeSync(write)
  let calls = 0
  const watch = loop.watch(read, () => {
    calls += 1
    loop.stop()
  })
  loop.after(10, () => watch.want(POLL.in))
  loop.run()
  assert.equal(calls, 1)
  closeSync(read)
})

test("times come in their order, and one that was given up does not come", () => {
  const loop = openLoop()
  const seen: number[] = []
  loop.after(15, () => {
    seen.push(15)
    loop.stop()
  })
  loop.after(5, () => seen.push(5))
  const giveUp = loop.after(10, () => seen.push(10))
  giveUp()
  loop.run()
  assert.deepEqual(seen, [5, 15])
})

test("one that closes another in the same turn keeps it from being called", () => {
  const loop = openLoop()
  const pipes = [linux.pipe(), linux.pipe()] as const
  const called: number[] = []
  const watches = pipes.map(({ read }, index) =>
    loop.watch(read, () => {
      called.push(index)
      watches[1 - index]?.close()
      loop.stop()
    }),
  )
  for (const watch of watches) watch.want(POLL.in)
  for (const { write } of pipes) writeSync(write, "x")
  loop.run()
  assert.deepEqual(called, [0])
  for (const { read, write } of pipes) {
    closeSync(read)
    closeSync(write)
  }
})
