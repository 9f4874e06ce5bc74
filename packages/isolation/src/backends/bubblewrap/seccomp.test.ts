import assert from "node:assert/strict"
import { test } from "node:test"
import { encodeFilter, type Instruction, seccompFilter } from "./seccomp.ts"
import { type Architecture, CALLS } from "./seccomp-calls.ts"

interface SystemCall {
  readonly number: number
  readonly arch?: number
  readonly args?: readonly number[]
}

/** What the kernel's interpreter would return; only the instructions that we use. */
function run(filter: readonly Instruction[], call: SystemCall, ownArch: number): string {
  const words = new Map([
    [0, call.number],
    [4, call.arch ?? ownArch],
    ...(call.args ?? []).map((value, index): [number, number] => [16 + index * 8, value]),
  ])
  let accumulator = 0
  for (let at = 0; at < filter.length; at++) {
    const { code, k, jumpTrue, jumpFalse } = filter[at] ?? assert.fail("jumped out of the program")
    if (code === 0x06) return describe(k)
    if (code === 0x20) accumulator = words.get(k) ?? 0
    else if (code === 0x15) at += accumulator === k ? jumpTrue : jumpFalse
    else if (code === 0x25) at += accumulator > k ? jumpTrue : jumpFalse
    else if (code === 0x45) at += (accumulator & k) !== 0 ? jumpTrue : jumpFalse
    else assert.fail(`instruction ${code}`)
  }
  return assert.fail("ran off the end")
}

function describe(result: number): string {
  if (result === 0x7fff0000) return "allow"
  if (result === 0x80000000) return "kill"
  return `errno ${result & 0xffff}`
}

for (const name of Object.keys(CALLS) as Architecture[]) {
  const calls = CALLS[name]
  const filter = seccompFilter(calls)
  const answer = (call: SystemCall) => run(filter, call, calls.auditArch)

  test(`${name}: every call of the table is refused`, () => {
    for (const [call, number] of Object.entries(calls.denied)) {
      assert.equal(answer({ number }), "errno 1", call)
    }
  })

  test(`${name}: no number stands twice in the table`, () => {
    const numbers = Object.values(calls.denied)
    assert.equal(new Set(numbers).size, numbers.length)
  })

  test(`${name}: ordinary calls pass`, () => {
    assert.equal(answer({ number: 0 }), "allow")
    assert.equal(answer({ number: calls.last }), "allow")
  })

  test(`${name}: what is newer than the table does not exist, nor does x32`, () => {
    assert.equal(answer({ number: calls.last + 1 }), "errno 38")
    assert.equal(answer({ number: 0x40000000 + 39 }), "errno 38")
    assert.equal(answer({ number: 0xffffffff }), "errno 38")
  })

  test(`${name}: a foreign architecture's door kills`, () => {
    assert.equal(answer({ number: 20, arch: 0x40000003 }), "kill")
  })

  test(`${name}: clone makes processes and threads, no namespaces`, () => {
    assert.equal(answer({ number: calls.clone, args: [17] }), "allow")
    assert.equal(answer({ number: calls.clone, args: [0x3d0f00] }), "allow")
    for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      assert.equal(answer({ number: calls.clone, args: [flag | 17] }), "errno 1", flag.toString(16))
    }
    assert.equal(answer({ number: calls.clone3 }), "errno 38")
  })

  test(`${name}: terminals take no typed input from a program`, () => {
    assert.equal(answer({ number: calls.ioctl, args: [0, 0x5412] }), "errno 1")
    assert.equal(answer({ number: calls.ioctl, args: [0, 0x541c] }), "errno 1")
    assert.equal(answer({ number: calls.ioctl, args: [0, 0x5413] }), "allow")
  })

  test(`${name}: only ordinary personalities and socket families`, () => {
    assert.equal(answer({ number: calls.personality, args: [0xffffffff] }), "allow")
    assert.equal(answer({ number: calls.personality, args: [0] }), "allow")
    assert.equal(answer({ number: calls.personality, args: [0x400000] }), "errno 1")
    for (const family of [1, 2, 10, 16]) {
      assert.equal(answer({ number: calls.socket, args: [family] }), "allow")
    }
    for (const family of [0, 17, 31, 38, 40, 44]) {
      assert.equal(answer({ number: calls.socket, args: [family] }), "errno 97")
    }
  })

  test(`${name}: the program is of a size that the kernel takes`, () => {
    assert.ok(filter.length < 4096)
    assert.equal(encodeFilter(filter).length, filter.length * 8)
    assert.deepEqual([...encodeFilter(filter).subarray(0, 8)], [0x20, 0, 0, 0, 4, 0, 0, 0])
  })
}
