import assert from "node:assert/strict"
import { Duplex } from "node:stream"
import {
  AGENT_PROTOCOL_VERSION,
  Connection,
  type ExecParams,
  exec,
  handler,
  ping,
  RPC_LIMITS,
} from "@skerry/rpc"
import { encode, writeFrame } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const CALL = 0x01
const CALLEE = 0x80
const u32le = (value: number) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24)

const command: ExecParams = {
  argv: ["cat"],
  environment: [],
  workingDirectory: "",
  user: "user",
  terminal: undefined,
  descriptors: false,
}

/** A payload that frame `type` may have; mutation makes others of it. */
function payload(prng: Prng, type: number): Uint8Array {
  const stream = prng.below(3)
  switch (type & 0x7f) {
    case 1:
      return type === CALL
        ? Buffer.concat([Uint8Array.of(prng.pick([1, 4]), 0), encode(ping.params, { version: 1 })])
        : encode(exec.result, { exit: { kind: "code", code: prng.below(256) } })
    case 2:
      return type === CALLEE + 2
        ? Buffer.concat([u32le(1), Buffer.from("x"), u32le(2), Buffer.from("no")])
        : new Uint8Array(0)
    case 3:
      return Buffer.concat([
        Uint8Array.of(stream),
        new Uint8Array(prng.pick([0, 1, 100, RPC_LIMITS.chunkBytes])),
      ])
    case 4:
      return Uint8Array.of(stream)
    case 5:
      return Buffer.concat([Uint8Array.of(stream), u32le(prng.pick([0, 1, 5, 0xffff_ffff]))])
    default:
      return encode(exec.down, { kind: "started", pid: prng.u32() })
  }
}

function duplexTo(onBytes: (bytes: Uint8Array) => void): Duplex {
  return new Duplex({
    read: () => {},
    write(chunk: Uint8Array, _encoding, done) {
      onBytes(chunk)
      done()
    },
  })
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** The first byte of an input chooses whether the peer is called or calls, and the size of the pieces. */
export const connection: FuzzTarget = {
  name: "connection",
  generate(prng: Prng) {
    const side = prng.chance(2) ? CALLEE : 0
    const frames = Array.from({ length: 1 + prng.below(12) }, () => {
      const type =
        (prng.chance(16) ? prng.below(128) : 1 + prng.below(6)) + (prng.chance(16) ? CALLEE - side : side)
      return writeFrame(1 + prng.below(4), type, payload(prng, type))
    })
    const choice = Uint8Array.of((side === CALLEE ? 0 : 1) + 2 * prng.below(3))
    const stream = Buffer.concat(frames)
    return Buffer.concat([choice, prng.chance(3) || stream.length > 5000 ? stream : mutate(prng, stream)])
  },
  async check(untrustedInput) {
    const [choice = 0] = untrustedInput
    const stream = untrustedInput.subarray(1)
    const pieceBytes = [Math.max(1, stream.length), 11, 1][(choice >> 1) % 3] ?? 1
    const isCalled = (choice & 1) === 0
    let sentBytes = 0
    const duplex = duplexTo((bytes) => {
      sentBytes += bytes.length
    })
    const serve = [
      handler(ping, () => ({ version: AGENT_PROTOCOL_VERSION, bootId: "" })),
      handler(exec, async () => ({ exit: { kind: "code" as const, code: 0 } })),
    ]
    const subject = new Connection(duplex, isCalled ? {} : { serve })
    const calls = isCalled
      ? [subject.call(exec, command), subject.call(exec, command), subject.call(exec, command)]
      : []
    const [stopped, flowing, given] = calls
    flowing?.stdout.resume()
    given?.stderr.destroy()
    await turn()
    const sentBefore = sentBytes
    for (let at = 0; at < stream.length && !duplex.destroyed; at += pieceBytes) {
      duplex.push(Uint8Array.from(stream.subarray(at, at + pieceBytes)))
    }
    await turn()
    // A reader that stopped holds a window at most, whatever was sent.
    const held = await Promise.resolve(stopped === undefined ? 0 : readHeld(stopped.stdout))
    assert.ok(held <= RPC_LIMITS.windowBytes, `${held} bytes held`)
    assert.ok(
      sentBytes - sentBefore <= 64 * (stream.length + 1),
      `${sentBytes - sentBefore} bytes answered to ${stream.length}`,
    )
    duplex.push(null)
    await turn()
    const { kind } = await subject.closed
    assert.ok(kind === "ended" || kind === "protocol-error", kind)
    const settled = await Promise.allSettled(calls.map(({ result }) => result))
    assert.equal(settled.length, calls.length)
    await assertAlive()
  },
}

function readHeld(stream: NodeJS.ReadableStream): number {
  let byteCount = 0
  for (;;) {
    const chunk = stream.read()
    if (chunk === null) return byteCount
    byteCount += chunk.length
  }
}

/** Another connection of this process answers as if nothing had happened. */
async function assertAlive(): Promise<void> {
  const left: Duplex = duplexTo((bytes) => right.push(Uint8Array.from(bytes)))
  const right: Duplex = duplexTo((bytes) => left.push(Uint8Array.from(bytes)))
  const serve = [handler(ping, () => ({ version: AGENT_PROTOCOL_VERSION, bootId: "alive" }))]
  const callee = new Connection(right, { serve })
  const caller = new Connection(left)
  assert.equal((await caller.call(ping, { version: 1 }).result).bootId, "alive")
  caller.close()
  callee.close()
}
