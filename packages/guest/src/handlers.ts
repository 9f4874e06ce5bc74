import {
  AGENT_PROTOCOL_VERSION,
  CallFailure,
  exec,
  type Handlers,
  handler,
  identify,
  ping,
  setClock,
  shutdown,
} from "@skerry/rpc"
import { type ExecHost, runCommand } from "./exec.ts"
import type { Identities } from "./identity.ts"

export interface AgentParts {
  readonly host: ExecHost
  readonly identities: Identities
  /** Ends the domain; called before the answer to `shutdown` has left. */
  readonly onShutdown: () => void
}

/** What the host may ask of a domain: docs/protocol/control-channel.md. */
export function agentHandlers({ host, identities, onShutdown }: AgentParts): Handlers {
  return [
    handler(ping, () => ({ version: AGENT_PROTOCOL_VERSION, bootId: identities.bootId() })),
    handler(identify, (params) => identities.identify(params)),
    handler(setClock, ({ wallClockNs }) => {
      identities.setClock(wallClockNs)
      return undefined
    }),
    handler(exec, (params, context) => {
      if (!identities.isIdentified) {
        throw new CallFailure("not-identified", "Cannot run a command before the domain has been identified")
      }
      return runCommand(host, params, context)
    }),
    handler(shutdown, () => {
      onShutdown()
      return undefined
    }),
  ]
}
