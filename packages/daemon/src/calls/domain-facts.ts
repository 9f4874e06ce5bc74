import type { Instance, System } from "@skerry/model"
import type { DomainFacts } from "@skerry/policy"
import type { DomainDriver } from "../domain-driver.ts"

/** States in which a call needs nothing to be started. */
const RUNNING: ReadonlySet<string> = new Set(["identifying", "running", "pausing", "paused", "resuming"])

/** What rules may know of the domains: every instance, whether it runs or not, every disposable, and the host. */
export function domainFacts(system: System, drivers: readonly DomainDriver[]): Record<string, DomainFacts> {
  const facts: Record<string, DomainFacts> = {
    dom0: { tags: [], type: "AdminVM", templateForDisposables: false, isRunning: true },
  }
  const running = new Map(drivers.map((driver) => [driver.plan.id as string, driver]))
  for (const [name, instance] of Object.entries<Instance>(system.instances)) {
    facts[name] = {
      tags: instance.tags,
      type: "AppVM",
      templateForDisposables: instance.disposableTemplate,
      defaultDisposable: instance.defaultDisposable ?? system.settings.defaultDisposable ?? undefined,
      isRunning: isRunning(running.get(name)),
    }
  }
  for (const driver of drivers) {
    const { id, instance: name, isDisposable } = driver.plan
    if (!isDisposable) continue
    const instance = system.instances[name]
    facts[id] = {
      tags: [...(instance?.tags ?? []), `disposable-of-${name}`],
      type: "DispVM",
      templateForDisposables: false,
      defaultDisposable: instance?.defaultDisposable ?? system.settings.defaultDisposable ?? undefined,
      isRunning: isRunning(driver),
    }
  }
  return facts
}

const isRunning = (driver: DomainDriver | undefined): boolean =>
  driver !== undefined && RUNNING.has(driver.state.kind)
