import { closeSync } from "node:fs"
import type { DescriptorQueue } from "@skerry/loop"
import {
  type CallState,
  call as callMethod,
  encodeFailure,
  type Multiplexer,
  type RelayHooks,
  RpcError,
  relay,
} from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"

/** CALL of the host's table, before the params as the program sent them. */
const CALL_METHOD = Uint8Array.of(callMethod.id & 0xff, callMethod.id >> 8)

/** A call's pipes while the program has not opened them: this process holds them open under their numbers. */
class HeldPipes {
  #held: readonly number[] = []

  /** What the program is told in place of the daemon's event; undefined: they did not come. */
  take(descriptors: DescriptorQueue | undefined, label: number): Uint8Array | undefined {
    const [stdin, stdout] = descriptors?.takeExactly(label, 2) ?? []
    if (stdin === undefined || stdout === undefined) return undefined
    this.#held = [stdin, stdout]
    return encode(callMethod.down, { kind: "pipes", process: process.pid, stdin, stdout })
  }

  /** The program has them, or never will. */
  close(): void {
    for (const fd of this.#held) closeSync(fd)
    this.#held = []
  }
}

/** The daemon's protocol is the program's: all is passed on as it is, but for pipes. */
function hooks(descriptors: DescriptorQueue | undefined, giveUp: () => void): RelayHooks {
  const pipes = new HeldPipes()
  return {
    onEvent(untrustedBytes) {
      const event = decode(callMethod.down, untrustedBytes)
      if (event.kind !== "handed") return untrustedBytes
      const told = pipes.take(descriptors, event.label)
      if (told === undefined) giveUp()
      return told
    },
    onCallerEvent(untrustedBytes) {
      decode(callMethod.up, untrustedBytes)
      pipes.close()
    },
    onEnd: (type, payload) => ({ type, payload }),
    onOver: () => pipes.close(),
    bytesLast: false,
  }
}

/**
 * Passes a program's call on over the host's connection; undefined: there is none that takes calls. Throws
 * ProtocolError for what is no call.
 */
export function passCall(
  call: CallState,
  method: number,
  untrustedParams: Uint8Array,
  host: Multiplexer | undefined,
  descriptors?: DescriptorQueue,
): void {
  if (method !== callMethod.id) {
    refuse(call, "unknown-method", `Method ${method} is not known here`)
    return
  }
  // What the host would take for a breach of this domain's agent is one of the program.
  decode(callMethod.params, untrustedParams)
  if (host === undefined) {
    refuse(call, "unavailable", "Nobody takes calls of this domain now")
    return
  }
  const onward = openOnward(host, call)
  if (onward === undefined) return
  onward.open(Buffer.concat([CALL_METHOD, untrustedParams]))
  const giveUp = () => joined.fail("unavailable", "This call's pipes did not come")
  const joined = relay(call, onward, hooks(descriptors, giveUp))
}

function openOnward(host: Multiplexer, call: CallState): CallState | undefined {
  try {
    return host.call()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    refuse(call, "too-many-calls", "This domain has too many calls open")
    return undefined
  }
}

function refuse(call: CallState, code: string, message: string): void {
  call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
  call.finish("fail", encodeFailure(code, message))
}
