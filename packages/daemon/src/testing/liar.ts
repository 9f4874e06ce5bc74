import type { Duplex } from "node:stream"
import {
  bareHandler,
  type CallState,
  Connection,
  handler,
  identify,
  ping,
  service,
  shutdown,
} from "@skerry/rpc"
import { type AgentRecord, serveScriptedAgent } from "./scripted-agent.ts"
import { startTestDaemon, type TestDaemon } from "./test-daemon.ts"

/** A daemon in which the domain "bank" has an agent that does with every service what `lie` does; all others are honest. */
export async function daemonWithLiar(
  lie: (state: CallState) => void,
  options: Parameters<typeof startTestDaemon>[0] = {},
): Promise<TestDaemon> {
  const made: { daemon?: TestDaemon } = {}
  const serveAgent = (channel: Duplex, { id }: { readonly id: string }) => {
    const { daemon } = made
    if (daemon === undefined) throw new Error("A domain started before its daemon")
    if (id === "bank") serveLiar(channel, daemon.record, lie)
    else serveScriptedAgent(channel, daemon.record)
  }
  made.daemon = await startTestDaemon({ ...options, fake: { serveAgent } })
  return made.daemon
}

function serveLiar(channel: Duplex, record: AgentRecord, lie: (state: CallState) => void): void {
  const connection: Connection = new Connection(channel, {
    serve: [
      handler(ping, ({ version }) => ({ version, bootId: "" })),
      handler(identify, ({ hostName, machineId }) => {
        record.agents.set(hostName, connection)
        return { bootId: machineId, remarks: [] }
      }),
      handler(shutdown, () => {
        channel.end()
        return undefined
      }),
      bareHandler(service, ({ callId }, state) => {
        record.callIds.push(callId)
        lie(state)
      }),
    ],
  })
}
