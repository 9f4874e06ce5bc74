import type { System } from "@skerry/model"
import { type DomainFacts, disposableTag, factsOfSystem } from "@skerry/policy"
import type { DomainDriver } from "../domain-driver.ts"

/** States in which a call needs nothing to be started. */
const RUNNING: ReadonlySet<string> = new Set(["identifying", "running", "pausing", "paused", "resuming"])

/** What rules may know of the domains: every instance, whether it runs or not, every disposable, and the host. */
export function domainFacts(system: System, drivers: readonly DomainDriver[]): Record<string, DomainFacts> {
  const states = new Map(drivers.map(({ plan, state }) => [plan.id as string, state.kind]))
  const isRunning = (name: string) => RUNNING.has(states.get(name) ?? "")
  const facts = factsOfSystem(system, isRunning)
  for (const { plan } of drivers) {
    if (!plan.isDisposable) continue
    const instance = Object.hasOwn(facts, plan.instance) ? facts[plan.instance] : undefined
    // Without its instance nothing is known of it: no tags that a rule may deny by.
    if (instance === undefined) continue
    facts[plan.id] = {
      tags: [...instance.tags, disposableTag(plan.instance)],
      type: "DispVM",
      templateForDisposables: false,
      defaultDisposable: instance.defaultDisposable ?? system.settings.defaultDisposable ?? undefined,
      isRunning: isRunning(plan.id),
    }
  }
  return facts
}
