import { KeptDecisions } from "./kept-decisions.ts"
import type { Rule } from "./rule.ts"
import type { SystemView } from "./system-view.ts"

/** Rules that match a service and an argument, in order; one object for all services and arguments with the same ones. */
export interface RuleList {
  readonly rules: readonly Rule[]
}

/** Rules for one service: by argument where any of them names one, else all of them. */
interface ServiceRules {
  readonly byArgument: ReadonlyMap<string, RuleList> | undefined
  /** For every argument that no rule names. */
  readonly others: RuleList
}

/** Finds the rules that can match by their service and argument; what is left depends on the domains. */
export class PolicyIndex {
  readonly #byService = new Map<string, ServiceRules>()
  /** For every service that no rule names. */
  readonly #others: RuleList
  readonly #kept = new WeakMap<SystemView, KeptDecisions>()
  #last: KeptDecisions | undefined

  constructor(rules: readonly Rule[]) {
    const own = Map.groupBy(rules, ({ service }) => service)
    const general = own.get(undefined) ?? []
    this.#others = { rules: general }
    for (const [service, found] of own) {
      if (service !== undefined) this.#byService.set(service, splitByArgument(merge(found, general)))
    }
  }

  listFor(service: string, argument: string): RuleList {
    const found = this.#byService.get(service)
    if (found === undefined) return this.#others
    return found.byArgument?.get(argument) ?? found.others
  }

  /** Decisions about these domains: kept as long as the view of them is. */
  keptFor(system: SystemView): KeptDecisions {
    if (this.#last?.system === system) return this.#last
    let kept = this.#kept.get(system)
    if (kept === undefined) {
      kept = new KeptDecisions(system)
      this.#kept.set(system, kept)
    }
    this.#last = kept
    return kept
  }
}

function splitByArgument(rules: readonly Rule[]): ServiceRules {
  const own = Map.groupBy(rules, ({ argument }) => argument)
  const general = own.get(undefined) ?? []
  const others = { rules: general }
  if (own.size === 0 || (own.size === 1 && own.has(undefined))) return { byArgument: undefined, others }
  const byArgument = new Map<string, RuleList>()
  for (const [argument, found] of own) {
    if (argument !== undefined) byArgument.set(argument, { rules: merge(found, general) })
  }
  return { byArgument, others }
}

/** Both in order. */
function merge(a: readonly Rule[], b: readonly Rule[]): readonly Rule[] {
  return b.length === 0 ? a : [...a, ...b].sort((left, right) => left.index - right.index)
}
