import assert from "node:assert/strict"
import { passCall } from "@skerry/guest"
import { type CallState, call, Multiplexer, RPC_LIMITS, STREAM } from "@skerry/rpc"
import { encode, FrameReader, ProtocolError, writeFrame } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const PARAMS = encode(call.params, {
  target: "vault",
  service: "a.B",
  argument: "c",
  deadlineMs: 0,
  parent: "",
  progress: true,
  pipes: false,
})
const u32le = (value: number) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24)

function payload(prng: Prng, type: number): Uint8Array {
  switch (type) {
    case 1:
      return Buffer.concat([Uint8Array.of(prng.pick([1, 1, 1, 2]), 0), PARAMS])
    case 3:
      return Buffer.concat([Uint8Array.of(0), new Uint8Array(prng.pick([0, 1, 300, RPC_LIMITS.chunkBytes]))])
    case 4:
      return Uint8Array.of(0)
    case 5:
      return Buffer.concat([Uint8Array.of(1 + prng.below(2)), u32le(prng.pick([0, 1, 100]))])
    default:
      return new Uint8Array(0)
  }
}

/** Takes all that one end has to send to where it goes. */
function pump(from: Multiplexer, deliver: (bytes: Uint8Array) => void): void {
  for (let frame = from.nextFrame(); frame !== undefined; frame = from.nextFrame()) {
    deliver(frame.body === undefined ? frame.head : Buffer.concat([frame.head, frame.body]))
  }
}

/** A host that answers some calls at once, reads the input of others, and leaves the rest open. */
function hostCall(state: CallState, choice: number): void {
  const answer = () => state.finish("return", encode(call.result, { exitCode: 0 }))
  state.listen({ onEvent: () => {}, onCancel: answer, onEnd: () => {} })
  state.sent(STREAM.stdout).write(new Uint8Array(1000), () => {})
  if ((state.id + choice) % 3 === 0) answer()
  if ((state.id + choice) % 3 === 1) state.received(STREAM.stdin).discard()
}

/** Whatever a program sends: the host hears no breach of the agent, and no call of the program outlives it. */
export const callSocket: FuzzTarget = {
  name: "call-socket",
  generate(prng: Prng) {
    const frames = Array.from({ length: 1 + prng.below(12) }, (_, index) => {
      const type = index === 0 ? 1 : prng.chance(16) ? prng.below(256) : 1 + prng.below(6)
      return writeFrame(type === 1 ? index + 1 : 1 + prng.below(4), type, payload(prng, type))
    })
    const stream = Buffer.concat(frames)
    const choice = Uint8Array.of(prng.below(256))
    return Buffer.concat([choice, prng.chance(2) || stream.length > 5000 ? stream : mutate(prng, stream)])
  },
  check(untrustedInput) {
    const [choice = 0] = untrustedInput
    const host = new Multiplexer({ onCall: (state) => hostCall(state, choice), onReady: () => {} })
    const agent = new Multiplexer({ onCall: undefined, onReady: () => {} })
    const program = new Multiplexer({
      onCall: (state, method, untrustedParams) => passCall(state, method, untrustedParams, agent),
      onReady: () => {},
    })
    const toHost = new FrameReader()
    const toAgent = new FrameReader()
    const settle = () => {
      for (let turn = 0; turn < 3; turn++) {
        pump(agent, (bytes) => toHost.push(bytes, (frame) => host.receive(frame)))
        pump(host, (bytes) => toAgent.push(bytes, (frame) => agent.receive(frame)))
        pump(program, () => {})
      }
    }
    const reader = new FrameReader()
    const pieceBytes = [untrustedInput.length, 11, 1][(choice >> 2) % 3] ?? 1
    try {
      for (let at = 1; at < untrustedInput.length; at += pieceBytes) {
        reader.push(untrustedInput.subarray(at, at + pieceBytes), (frame) => program.receive(frame))
        if (choice % 2 === 0) settle()
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
    }
    settle()
    program.lose("The program has gone")
    settle()
    assert.deepEqual(agent.openCalls, { outgoing: 0, incoming: 0 })
    assert.equal(host.openCalls.incoming, 0)
  },
}
