import { collectTargets } from "./collect-targets.ts"
import type { Decision } from "./decision.ts"
import type { RuleList } from "./index-rules.ts"
import { POLICY_LIMITS } from "./limits.ts"
import { sourceMatches, targetMatches } from "./match.ts"
import { NO_MATCH, resolve } from "./resolve.ts"
import { isConditional, type Rule } from "./rule.ts"
import type { Caller, SystemView, Target } from "./system-view.ts"

/** What one caller meets in one list of rules. */
interface CallerRules {
  /** Rules that match the caller, in order. */
  readonly candidates: readonly Rule[]
  /** undefined: it depends on more than the domains. */
  readonly byTarget: Map<Target, Decision | undefined>
  /** For prompts, once one was needed; none of the candidates has conditions then. */
  offered: readonly string[] | undefined
}

/**
 * Decisions that depend on nothing but the policy and the domains, which are many times all of them: found once, kept
 * for the next call. Bounded: past the limit all are forgotten.
 */
export class KeptDecisions {
  readonly system: SystemView
  readonly #byList = new Map<RuleList, Map<Caller, CallerRules>>()
  #count = 0

  constructor(system: SystemView) {
    this.system = system
  }

  /** `counts`: do a rule's own conditions hold, for this request at this moment? */
  decide(list: RuleList, caller: Caller, target: Target, counts: (rule: Rule) => boolean): Decision {
    const callerRules = this.#callerRules(list, caller)
    const { candidates, byTarget } = callerRules
    let kept = byTarget.get(target)
    if (kept !== undefined) return kept
    if (!byTarget.has(target)) {
      kept = this.#keepable(callerRules, caller, target)
      this.#makeRoom()
      byTarget.set(target, kept)
      if (kept !== undefined) return kept
    }
    return decideAmong(candidates.filter(counts), caller, target, this.system)
  }

  #callerRules(list: RuleList, caller: Caller): CallerRules {
    const known = this.#byList.get(list)?.get(caller)
    if (known !== undefined) return known
    const candidates = list.rules.filter(({ source }) => sourceMatches(source, caller, this.system))
    const found: CallerRules = { candidates, byTarget: new Map(), offered: undefined }
    // Who is no domain comes in any number.
    if (caller.domain === undefined) return found
    this.#makeRoom()
    const byCaller = this.#byList.get(list) ?? new Map<Caller, CallerRules>()
    byCaller.set(caller, found)
    this.#byList.set(list, byCaller)
    return found
  }

  #makeRoom(): void {
    if (this.#count >= POLICY_LIMITS.keptDecisions) {
      this.#byList.clear()
      this.#count = 0
    }
    this.#count += 1
  }

  /** A rule with conditions may be the one that decides; and where the user is asked, any adds to the list or takes away. */
  #keepable(callerRules: CallerRules, caller: Caller, target: Target): Decision | undefined {
    const { candidates } = callerRules
    const rule = candidates.find((each) => targetMatches(each.target, target, caller, this.system))
    if (rule === undefined) return NO_MATCH
    if (isConditional(rule) || (rule.action.kind === "ask" && candidates.some(isConditional)))
      return undefined
    const offered = () => {
      callerRules.offered ??= collectTargets(candidates, caller, this.system)
      return callerRules.offered
    }
    // Many callers get the same object.
    return Object.freeze(resolve(rule, offered, target, caller, this.system))
  }
}

function decideAmong(
  candidates: readonly Rule[],
  caller: Caller,
  target: Target,
  system: SystemView,
): Decision {
  const rule = candidates.find((each) => targetMatches(each.target, target, caller, system))
  if (rule === undefined) return NO_MATCH
  return resolve(rule, () => collectTargets(candidates, caller, system), target, caller, system)
}
