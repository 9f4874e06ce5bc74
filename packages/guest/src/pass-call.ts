import {
  type CallState,
  call as callMethod,
  encodeFailure,
  type Multiplexer,
  type RelayHooks,
  RpcError,
  relay,
} from "@skerry/rpc"
import { decode } from "@skerry/wire"

/** CALL of the host's table, before the params as the program sent them. */
const CALL_METHOD = Uint8Array.of(callMethod.id & 0xff, callMethod.id >> 8)

/** The daemon's protocol is the program's: all is passed on as it is. */
const HOOKS: RelayHooks = {
  onEvent: (untrustedBytes) => untrustedBytes,
  onEnd: (type, payload) => ({ type, payload }),
  onOver: () => {},
  bytesLast: false,
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
  relay(call, onward, HOOKS)
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
