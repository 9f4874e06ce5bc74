import { type CallState, describeFailure, type Method } from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"

/** One entry of the table of what a port's peer may call. */
export interface PortHandler {
  readonly id: number
  /** Decodes the params (may throw ProtocolError), and answers now or later. */
  start(call: CallState, untrustedParams: Uint8Array): void
}

/** A method that is answered at once. What `act` throws becomes the call's failure. */
export function answering<P, R, U, D>(method: Method<P, R, U, D>, act: (params: P) => R): PortHandler {
  return {
    id: method.id,
    start(call, untrustedParams) {
      const params = decode(method.params, untrustedParams)
      call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
      try {
        call.finish("return", encode(method.result, act(params)))
      } catch (error) {
        call.finish("fail", describeFailure(error))
      }
    },
  }
}
