import { quoted } from "@skerry/model"
import { type Allow, type Deny, deny } from "./decision.ts"
import type { PolicyRequest } from "./evaluate.ts"
import { isSame } from "./match.ts"
import type { SystemView } from "./system-view.ts"

const REMOTE = "RemoteVM"

/** Whom a call is from: a relay may speak for the domains elsewhere that are reached through it, and for no others. */
export function effectiveSource(
  system: SystemView,
  { source, relayedFor }: PolicyRequest,
): { readonly source: string } | { readonly problem: string } {
  if (relayedFor === undefined) return { source }
  const domain = system.domain(relayedFor)
  if (domain === undefined) return { problem: `There is no domain ${quoted(relayedFor)} to call for` }
  if (domain.type !== REMOTE) return { problem: `${quoted(relayedFor)} is no domain elsewhere to call for` }
  if (domain.relay === undefined || !isSame(domain.relay, source, system)) {
    return { problem: `${quoted(source)} is no relay for ${quoted(relayedFor)}` }
  }
  return { source: relayedFor }
}

/** Where an allowed call is carried. */
export interface Route {
  /** The target, or the relay for a target elsewhere. */
  readonly target: string
  readonly user: string | undefined
  /** What is called there, with its argument. */
  readonly service: string
}

/** A domain elsewhere is reached by a service of its relay, which is told everything; users there are its own affair. */
export function routeCall(decision: Allow, request: PolicyRequest, system: SystemView): Route | Deny {
  const { target, user } = decision
  const service = `${request.service}${request.argument}`
  const whom = effectiveSource(system, request)
  if ("problem" in whom) return deny(whom.problem, true)
  if (isSame(target, whom.source, system)) return deny("A domain cannot call itself", true, decision.rule)
  const domain = system.domain(target)
  if (domain?.type !== REMOTE) return { target, user, service }
  const { name, relay, transportService } = domain
  if (relay === undefined) return deny(`${quoted(name)} has no relay`, true, decision.rule)
  if (transportService === undefined) return deny(`${quoted(name)} has no transport`, true, decision.rule)
  return { target: relay, user: undefined, service: `${transportService}+${name}+${service}` }
}
