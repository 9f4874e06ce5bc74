import assert from "node:assert/strict"
import { test } from "node:test"
import {
  bool,
  bytes,
  type Codec,
  checked,
  decode,
  encode,
  FrameReader,
  listOf,
  nothing,
  oneOf,
  optional,
  ProtocolError,
  type ProtocolErrorCode,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
  WIRE_LIMITS,
  writeFrame,
} from "./index.ts"

const refuses = (codec: Codec<unknown>, untrustedBytes: number[], code: ProtocolErrorCode) =>
  assert.throws(
    () => decode(codec, Uint8Array.from(untrustedBytes)),
    (error) => error instanceof ProtocolError && error.code === code,
  )

const Everything = struct({
  a: u8,
  b: u16,
  c: u32,
  d: u64,
  e: bool,
  f: bytes({ max: 4 }),
  g: text({ max: 8 }),
  h: listOf(u16, { max: 3 }),
  i: optional(u8),
  j: oneOf("x", "y"),
  k: union({ none: nothing, some: struct({ value: u8 }) }),
})

test("what is encoded decodes to itself", () => {
  const value = {
    ...{ a: 255, b: 65_535, c: 4_294_967_295, d: 2n ** 64n - 1n, e: true },
    ...{ f: Uint8Array.of(1, 2, 3, 4), g: "grün😀".slice(0, 4), h: [1, 2, 3], i: undefined },
    ...{ j: "y" as const, k: { kind: "some" as const, value: 7 } },
  }
  assert.deepEqual(decode(Everything, encode(Everything, value)), value)
})

test("a message cut anywhere is refused", () => {
  const whole = encode(Everything, {
    ...{ a: 1, b: 2, c: 3, d: 4n, e: false, f: Uint8Array.of(1), g: "g", h: [1], i: 5 },
    ...{ j: "x" as const, k: { kind: "none" as const } },
  })
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decode(Everything, whole.subarray(0, length)), {
      name: "ProtocolError",
      code: "truncated",
    })
  }
  refuses(Everything, [...whole, 0], "trailing-bytes")
})

test("lengths at their limit are read and written, one more is not", () => {
  const limited: [Codec<never>, (count: number) => unknown, (count: number) => number[]][] = [
    [bytes({ max: 3 }), (n) => new Uint8Array(n), (n) => [n, 0, 0, 0, ...new Array<number>(n).fill(0)]],
    [text({ max: 3 }), (n) => "a".repeat(n), (n) => [n, 0, 0, 0, ...new Array<number>(n).fill(97)]],
    [
      listOf(u8, { max: 3 }),
      (n) => new Array<number>(n).fill(0),
      (n) => [n, 0, 0, 0, ...new Array<number>(n).fill(0)],
    ],
  ] as [Codec<never>, (count: number) => unknown, (count: number) => number[]][]
  for (const [codec, value, encoded] of limited) {
    assert.deepEqual(decode(codec, Uint8Array.from(encoded(3))), value(3))
    assert.deepEqual([...encode(codec, value(3) as never)], encoded(3))
    refuses(codec, encoded(4), "too-large")
    assert.throws(() => encode(codec, value(4) as never), RangeError)
  }
})

test("a length that is announced and not there is refused before anything is made of it", () => {
  refuses(bytes({ max: 2 ** 32 }), [255, 255, 255, 255], "truncated")
  refuses(listOf(u8, { max: 2 ** 32 }), [255, 255, 255, 255], "truncated")
})

test("values without a meaning are refused", () => {
  refuses(bool, [2], "bad-value")
  refuses(oneOf("a", "b"), [2], "bad-value")
  refuses(union({ a: nothing }), [1], "unknown-tag")
  refuses(optional(u8), [2], "bad-value")
  refuses(text({ max: 9 }), [1, 0, 0, 0, 0x80], "bad-text")
  refuses(text({ max: 9 }), [3, 0, 0, 0, 0xed, 0xa0, 0x80], "bad-text")
})

test("a checked value is refused in both directions", () => {
  const even = checked(u8, (value) => value % 2 === 0, "A number")
  assert.equal(decode(even, encode(even, 4)), 4)
  refuses(even, [3], "bad-value")
  assert.throws(() => encode(even, 3), RangeError)
})

test("values nest to their limit and no deeper", () => {
  const nested = (depth: number): Codec<unknown> =>
    depth === 0 ? u8 : (optional(nested(depth - 1)) as Codec<unknown>)
  const ones = (count: number) => new Array<number>(count).fill(1)
  assert.equal(decode(nested(WIRE_LIMITS.depth), Uint8Array.from(ones(WIRE_LIMITS.depth + 1))), 1)
  refuses(nested(WIRE_LIMITS.depth + 1), ones(WIRE_LIMITS.depth + 2), "too-deep")
})

for (const [how, pieceBytes] of [
  ["whole", 1e6],
  ["in pieces", 5],
  ["byte by byte", 1],
] as const) {
  test(`frames that come ${how} are the ones that were written`, () => {
    const frames = [
      { call: 1, type: 2, payload: Buffer.from("hello") },
      { call: 0xffff_ffff, type: 255, payload: Buffer.alloc(0) },
      { call: 7, type: 0, payload: Buffer.alloc(3000, 9) },
      { call: 8, type: 1, payload: Buffer.alloc(0) },
    ]
    const stream = Buffer.concat(frames.map(({ call, type, payload }) => writeFrame(call, type, payload)))
    const reader = new FrameReader()
    const seen: unknown[] = []
    for (let at = 0; at < stream.length; at += pieceBytes) {
      reader.push(stream.subarray(at, at + pieceBytes), ({ call, type, payload }) => {
        seen.push({ call, type, payload: Buffer.from(payload) })
      })
    }
    assert.deepEqual(seen, frames)
    assert.equal(reader.isBetweenFrames, true)
  })
}

test("a frame at its limit is read and written, one byte more is not", () => {
  const reader = new FrameReader()
  let length = 0
  reader.push(writeFrame(1, 1, new Uint8Array(WIRE_LIMITS.frameBytes)), ({ payload }) => {
    length = payload.length
  })
  assert.equal(length, WIRE_LIMITS.frameBytes)
  assert.throws(() => writeFrame(1, 1, new Uint8Array(WIRE_LIMITS.frameBytes + 1)), RangeError)
  const header = Buffer.alloc(9)
  header.writeUInt32LE(WIRE_LIMITS.frameBytes + 1)
  assert.throws(() => reader.push(header, () => {}), { name: "ProtocolError", code: "too-large" })
})
