import { answering, type PortHandler } from "@skerry/loop"
import { AGENT_PROTOCOL_VERSION, identify, ping, setClock, shutdown } from "@skerry/rpc"
import { execHandler } from "./exec.ts"
import type { Identities } from "./identity.ts"
import { type ServiceHost, serviceHandler } from "./services/service.ts"

export interface AgentParts {
  readonly host: ServiceHost
  readonly identities: Identities
  /** Ends the domain; called before the answer to `shutdown` has left. */
  readonly onShutdown: () => void
}

/** What the host may ask of a domain: docs/protocol/control-channel.md. */
export function agentHandlers({ host, identities, onShutdown }: AgentParts): readonly PortHandler[] {
  return [
    answering(ping, () => ({ version: AGENT_PROTOCOL_VERSION, bootId: identities.bootId() })),
    answering(identify, (params) => identities.identify(params)),
    answering(setClock, ({ wallClockNs }) => void identities.setClock(wallClockNs)),
    execHandler(host, () => identities.isIdentified),
    serviceHandler(host, () => identities.isIdentified),
    answering(shutdown, () => void onShutdown()),
  ]
}
