import { type AllowedCall, listed, named, OTHERS } from "./access.ts"
import { ANY_SERVICE } from "./allowed-calls.ts"

const HOST = ["dom0", "@adminvm"]
const DISPOSABLE = "@dispvm:"

/** Calls of one verdict and user that differ in service or in target, in one sentence. */
export function callWords(calls: readonly AllowedCall[]): string {
  const [first] = calls
  if (first === undefined) return ""
  const services = [...new Set(calls.map(({ service }) => service))]
  const targets = [...new Set(calls.map(({ target }) => target))]
  const as = first.user === undefined ? "" : `, as the user ${named(first.user)}`
  return `may call ${servicesWords(services)} ${targetsWords(targets)}${as}, ${verdictWords(first)}`
}

export const verdictWords = ({ verdict }: AllowedCall): string =>
  verdict === "ask" ? "if you agree each time" : "without asking you"

function servicesWords(services: readonly string[]): string {
  if (!services.includes(ANY_SERVICE)) return listed(services)
  const others = services.filter((service) => service !== ANY_SERVICE)
  return [...(others.length === 0 ? [] : [listed(others)]), "any service that no rule names"].join(" and ")
}

function targetsWords(targets: readonly string[]): string {
  const disposables = targets.filter((target) => target.startsWith(DISPOSABLE))
  const instances = targets.filter((target) => !target.startsWith("@") && !HOST.includes(target))
  const words = [
    instances.length === 0 ? "" : `in ${listed(instances)}`,
    targets.includes(OTHERS) ? "in any other instance" : "",
    disposables.length === 0
      ? ""
      : `in a disposable of ${listed(disposables.map((target) => target.slice(DISPOSABLE.length)))}`,
    targets.some((target) => HOST.includes(target)) ? "on this machine" : "",
  ]
  return words.filter((word) => word !== "").join(" or ")
}

/** Where a service may be called in all other instances, one call stands for them. */
export function withOthers(calls: readonly AllowedCall[], others: readonly string[]): readonly AllowedCall[] {
  if (others.length < 2) return calls
  const alike = Map.groupBy(calls, ({ service, verdict, user }) =>
    JSON.stringify([service, verdict, user ?? null]),
  )
  return [...alike.values()].flatMap((same) => {
    const targets = new Set(same.map(({ target }) => target))
    const [first] = same
    if (first === undefined || !others.every((other) => targets.has(other))) return same
    return [{ ...first, target: OTHERS }, ...same.filter(({ target }) => !others.includes(target))]
  })
}

/** Calls as people want to read them: services with the same targets together, those without a question first. */
export function groupedCalls(calls: readonly AllowedCall[]): string[] {
  const ofService = Map.groupBy(calls, ({ service, verdict, user }) =>
    JSON.stringify([verdict, user ?? null, service]),
  )
  const alike = Map.groupBy(ofService.values(), (same) =>
    JSON.stringify([same[0]?.verdict, same[0]?.user ?? null, same.map(({ target }) => target).sort()]),
  )
  const groups = [...alike.values()].map((same) => same.flat())
  const rank = (group: readonly AllowedCall[]) => (group[0]?.verdict === "allow" ? 0 : 1)
  return groups.sort((a, b) => rank(a) - rank(b)).map(callWords)
}
