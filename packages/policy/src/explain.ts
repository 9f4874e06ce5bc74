import { nearMatch, unreachable } from "@skerry/model"
import type { Decision } from "./decision.ts"
import { counts, evaluate, type Moment, type PolicyRequest } from "./evaluate.ts"
import { POLICY_LIMITS } from "./limits.ts"
import type { Policy } from "./load.ts"
import { sourceMatches, targetMatches } from "./match.ts"
import { effectiveSource } from "./route.ts"
import type { Rule } from "./rule.ts"
import type { Caller, SystemView, Target } from "./system-view.ts"

export type NearMiss = "service" | "argument" | "source" | "target" | "condition"

export interface Explanation {
  readonly decision: Decision
  /** The target as policy reads it: a name that does not exist is "@default". Undefined where the request failed. */
  readonly target: string | undefined
  /** Rules before the one that decided, which match in all respects but one. */
  readonly nearMisses: readonly { readonly rule: Rule; readonly differs: NearMiss }[]
}

/** Which rule decides, and which ones nearly would have. Slower than evaluate(): it looks at every rule. */
export function explain(
  policy: Policy,
  system: SystemView,
  request: PolicyRequest,
  moment: Moment = {},
): Explanation {
  const decision = evaluate(policy, system, request, moment)
  const target = system.target(request.target)
  const whom = effectiveSource(system, request)
  if (!("text" in target) || "problem" in whom) return { decision, target: undefined, nearMisses: [] }
  const decidedBy = decision.kind === "error" ? undefined : decision.rule
  const caller = system.caller(whom.source)
  const nearMisses: { rule: Rule; differs: NearMiss }[] = []
  for (const rule of policy.rules.slice(0, decidedBy?.index)) {
    const found = differences(rule, { request, caller, target, system, moment })
    const [differs] = found
    if (found.length === 1 && differs !== undefined && isNear(rule, differs, request)) {
      nearMisses.push({ rule, differs })
      if (nearMisses.length === POLICY_LIMITS.nearMisses) break
    }
  }
  return { decision, target: target.text, nearMisses }
}

interface Asked {
  readonly request: PolicyRequest
  readonly caller: Caller
  readonly target: Target
  readonly system: SystemView
  readonly moment: Moment
}

function differences(rule: Rule, { request, caller, target, system, moment }: Asked): readonly NearMiss[] {
  const found: NearMiss[] = []
  if (rule.service !== undefined && rule.service !== request.service) found.push("service")
  if (rule.argument !== undefined && rule.argument !== request.argument) found.push("argument")
  if (!sourceMatches(rule.source, caller, system)) found.push("source")
  if (!targetMatches(rule.target, target, caller, system)) found.push("target")
  if (!counts(rule, request.argument, moment)) found.push("condition")
  return found
}

/** Rules about other services are many, and only one whose name looks alike tells anything. */
function isNear(rule: Rule, differs: NearMiss, request: PolicyRequest): boolean {
  if (differs !== "service") return true
  return rule.service !== undefined && nearMatch(request.service, [rule.service]) !== undefined
}

/** What differs, for people. */
export function describeNearMiss(rule: Rule, differs: NearMiss, request: PolicyRequest): string {
  switch (differs) {
    case "service":
      return `it is about the service ${rule.service}`
    case "argument":
      return `it is about the argument ${rule.argument}`
    case "source":
      return `its source is ${rule.source.text}, which ${request.source} is not`
    case "target":
      return `its target is ${rule.target.text}`
    case "condition":
      return "its conditions (arg~=, expires=, once) do not hold"
    default:
      return unreachable(differs)
  }
}
