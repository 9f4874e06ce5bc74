import assert from "node:assert/strict"
import { exec, identify, ping, service, setClock, shutdown } from "@skerry/rpc"
import { type Codec, decode, encode, ProtocolError } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const methods = [ping, identify, setClock, exec, shutdown, service] as const
const codecs: readonly Codec<unknown>[] = methods.flatMap((each) => {
  const { params, result, up, down } = each
  return [params, result, up, down] as Codec<unknown>[]
})

/** One valid message of each codec that has any fields, for mutation. */
const examples: readonly [Uint8Array, ...Uint8Array[]] = [
  encode(ping.params, { version: 1 }),
  encode(ping.result, { version: 1, bootId: "0c935283-31ce-49d3-9212-85028f12ac61" }),
  encode(identify.params, {
    entropy: new Uint8Array(32),
    wallClockNs: 1n,
    hostName: "mail",
    machineId: "0123456789abcdef0123456789abcdef",
  }),
  encode(identify.result, { bootId: "x", remarks: ["host name: EPERM", ""] }),
  encode(setClock.params, { wallClockNs: 1_700_000_000_000_000_000n }),
  encode(exec.params, {
    argv: ["sh", "-c", "echo ü"],
    environment: [
      ["A", "1"],
      ["B", ""],
    ],
    workingDirectory: "/tmp",
    user: "user",
    terminal: { rows: 24, columns: 80, type: "xterm" },
    descriptors: false,
  }),
  encode(service.params, {
    service: "a.B",
    argument: "c",
    source: "mail",
    requestedTarget: "@dispvm",
    user: "",
    callId: "1",
    progress: true,
    pipes: 0,
  }),
  encode(exec.result, { exit: { kind: "signal", signal: 9 } }),
  encode(exec.up, { kind: "resize", rows: 1, columns: 2 }),
  encode(exec.down, { kind: "started", pid: 77 }),
]

/** Only ProtocolError comes out of a decoder; what it accepts is encoded and decoded to the same again. */
export const agentMessages: FuzzTarget = {
  name: "agent-messages",
  generate: (prng: Prng) => (prng.chance(8) ? prng.bytes(prng.below(64)) : mutate(prng, prng.pick(examples))),
  check(untrustedInput) {
    for (const codec of codecs) {
      let value: unknown
      try {
        value = decode(codec, untrustedInput)
      } catch (error) {
        if (error instanceof ProtocolError) continue
        throw error
      }
      assert.deepEqual(decode(codec, encode(codec, value)), value)
    }
  },
}
