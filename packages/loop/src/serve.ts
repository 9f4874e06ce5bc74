import { CallFailure, type CallState, describeFailure } from "@skerry/rpc"
import type { PortHandler } from "./incoming.ts"
import { Port, type PortOptions } from "./port.ts"

/** A port whose peer may call these. */
export function servePort(options: Omit<PortOptions, "onCall">, handlers: readonly PortHandler[]): Port {
  const table = new Map(handlers.map((handler) => [handler.id, handler]))
  const onCall = (call: CallState, method: number, untrustedParams: Uint8Array) => {
    const handler = table.get(method)
    if (handler !== undefined) return handler.start(call, untrustedParams)
    const failure = new CallFailure("unknown-method", `Method ${method} is not known here`)
    call.finish("fail", describeFailure(failure))
  }
  return new Port({ ...options, onCall })
}
