import { nothing, struct, u8, u32 } from "@skerry/wire"
import { Connection, handler, method } from "./index.ts"
import { frame, ScriptedPeer, u32le } from "./scripted-peer.ts"

export const double = method({
  id: 1,
  name: "double",
  params: struct({ n: u32 }),
  result: struct({ n: u32 }),
  up: u8,
  down: u8,
})
export const wait = method({ id: 2, name: "wait", params: nothing, result: nothing, up: u8, down: u8 })

/** A connection that calls, and the scripted peer that it calls. */
export function calling() {
  const peer = new ScriptedPeer()
  return { peer, connection: new Connection(peer.duplex) }
}

export const serveAll = [
  handler(double, ({ n }) => ({ n: n * 2 })),
  handler(
    wait,
    (_, { signal }) =>
      new Promise<undefined>((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })
      }),
  ),
]

export function serving(handlers = serveAll) {
  const peer = new ScriptedPeer()
  return { peer, connection: new Connection(peer.duplex, { serve: handlers }) }
}

export const callDouble = (id: number, n: number) => frame(id, "call", 1, 0, u32le(n))
export const callWait = (id: number) => frame(id, "call", 2, 0)

/** Sends bytes to a fresh connection and gives how it ended. */
export async function closeCode(
  open: () => { peer: ScriptedPeer; connection: Connection },
  bytes: Uint8Array,
) {
  const { peer, connection } = open()
  if (open === calling) connection.call(wait, undefined)
  await peer.settle()
  peer.send(bytes)
  peer.end()
  const reason = await connection.closed
  return reason.kind === "protocol-error" ? reason.error.code : reason.kind
}
