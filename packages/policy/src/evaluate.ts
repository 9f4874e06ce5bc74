import { type Decision, deny } from "./decision.ts"
import { globMatches } from "./glob.ts"
import type { Policy } from "./load.ts"
import { effectiveSource } from "./route.ts"
import { type Rule, ruleKey } from "./rule.ts"
import type { SystemView } from "./system-view.ts"

export interface PolicyRequest {
  readonly service: string
  /** "+", then the argument, which may be empty. */
  readonly argument: string
  /** The calling domain's name. */
  readonly source: string
  /** As the caller wrote it; empty: where policy sends it. */
  readonly target: string
  /** The domain elsewhere for which `source`, its relay, calls. */
  readonly relayedFor?: string
}

/** What a decision may depend on besides policy, system and request. */
export interface Moment {
  /** Since 1970. Without it rules with an end count only where they deny. */
  readonly nowMs?: number
  /** `ruleKey` of rules with `once` that have let a call through. */
  readonly spent?: ReadonlySet<string>
}

const NEVER: Moment = {}

/** The first rule that matches decides; where none does, the call is refused. */
export function evaluate(
  policy: Policy,
  system: SystemView,
  request: PolicyRequest,
  moment: Moment = NEVER,
): Decision {
  const { service, argument } = request
  if (!argument.startsWith("+")) {
    return { kind: "error", code: "request", reason: 'An argument begins with "+"' }
  }
  const target = system.target(request.target)
  if (target.kind === "bad-syntax") return { kind: "error", code: "syntax", reason: target.reason }
  if (target.kind === "refused") return deny(target.reason, true)
  const whom = effectiveSource(system, request)
  if ("problem" in whom) return { kind: "error", code: "request", reason: whom.problem }
  const { index } = policy
  const caller = system.caller(whom.source)
  return index
    .keptFor(system)
    .decide(index.listFor(service, argument), caller, target, (rule) => counts(rule, argument, moment))
}

/** Do a rule's own conditions hold? */
export function counts(rule: Rule, argument: string, { nowMs, spent }: Moment): boolean {
  const { argumentGlob, expiresMs, once } = rule.extensions
  if (argumentGlob !== undefined && !globMatches(argumentGlob, argument.slice(1))) return false
  if (expiresMs !== undefined) {
    // Without a clock nothing is let through for having no end.
    const isOver = nowMs === undefined ? rule.action.kind !== "deny" : nowMs >= expiresMs
    if (isOver) return false
  }
  return !(once && spent?.has(ruleKey(rule)) === true)
}
