import type { Rule } from "./rule.ts"

/** Rules for one service, in order: by argument where any of them names one, else all of them. */
interface ServiceRules {
  readonly byArgument: ReadonlyMap<string, readonly Rule[]>
  /** For every argument that no rule names. */
  readonly others: readonly Rule[]
}

export interface PolicyIndex {
  readonly byService: ReadonlyMap<string, ServiceRules>
  /** For every service that no rule names. */
  readonly others: readonly Rule[]
}

/** The rules that can match are found by their service and argument; what is left depends on the domains. */
export function buildIndex(rules: readonly Rule[]): PolicyIndex {
  const services = new Set<string>()
  for (const { service } of rules) if (service !== undefined) services.add(service)
  const byService = new Map<string, ServiceRules>()
  const general = rules.filter(({ service }) => service === undefined)
  const own = Map.groupBy(rules, ({ service }) => service)
  for (const service of services)
    byService.set(service, splitByArgument(merge(own.get(service) ?? [], general)))
  return { byService, others: general }
}

function splitByArgument(rules: readonly Rule[]): ServiceRules {
  const named = new Set<string>()
  for (const { argument } of rules) if (argument !== undefined) named.add(argument)
  const others = rules.filter(({ argument }) => argument === undefined)
  const own = Map.groupBy(rules, ({ argument }) => argument)
  return {
    byArgument: new Map([...named].map((argument) => [argument, merge(own.get(argument) ?? [], others)])),
    others,
  }
}

/** Both in order. */
function merge(a: readonly Rule[], b: readonly Rule[]): readonly Rule[] {
  if (b.length === 0) return a
  return [...a, ...b].sort((left, right) => left.index - right.index)
}

export function rulesFor(index: PolicyIndex, service: string, argument: string): readonly Rule[] {
  const found = index.byService.get(service)
  if (found === undefined) return index.others
  return found.byArgument.get(argument) ?? found.others
}
