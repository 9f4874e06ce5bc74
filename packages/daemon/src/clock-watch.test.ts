import assert from "node:assert/strict"
import { test } from "node:test"
import { ClockWatch } from "./clock-watch.ts"

test("a jump of the wall clock is noticed once, in both directions; the passing of time is not", () => {
  let wall = 1_000_000
  let monotonic = 0
  const jumps: number[] = []
  using watch = new ClockWatch({
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    onJump: (jump) => jumps.push(jump),
  })
  const pass = (ms: number, jump: number) => {
    monotonic += ms
    wall += ms + jump
    watch.check()
  }
  pass(1000, 0)
  pass(1000, 3_600_000)
  pass(1000, 0)
  pass(1000, -7_200_000)
  pass(60_000, 10)
  assert.deepEqual(jumps, [3_600_000, -7_200_000])
})

test("slow drift adds up to a jump", () => {
  let wall = 0
  let jumps = 0
  using watch = new ClockWatch({ wallMs: () => wall, monotonicMs: () => 0, onJump: () => (jumps += 1) })
  for (let i = 0; i < 10; i++) {
    wall += 100
    watch.check()
  }
  assert.equal(jumps, 2)
})
