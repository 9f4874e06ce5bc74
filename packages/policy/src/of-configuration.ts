import type { Instance, InstanceName, ServiceResource, System } from "@skerry/model"
import type { DomainFacts } from "./system-view.ts"
import { ADMIN_NAME } from "./token.ts"

/** The file that grants of the configuration become: before the defaults that are shipped, after what users number lower. */
export const CONFIGURATION_FILE = "50-configuration.policy"

/** Every domain of an instance has this tag, its disposables too, which rules cannot name otherwise. */
export const instanceTag = (instance: string): string => `instance-${instance}`

/** Grants of kind `service` as the text of a policy file. */
export function rulesOfConfiguration(system: System): string {
  const lines = [
    "# Made from the grants of the configuration. A file of the same name in policy.d/ takes its place.",
  ]
  for (const [name, instance] of Object.entries(system.instances) as [InstanceName, Instance][]) {
    const granted = instance.grants.flatMap((grant) => {
      const resource = system.resources[grant]
      return resource?.kind === "service" ? [resource] : []
    })
    const source = `@tag:${instanceTag(name)}`
    for (const each of granted) lines.push(ruleOf(each, source, targetOf(each)))
    const byService = Map.groupBy(granted, ({ service, argument }) => `${service} ${argument}`)
    for (const same of byService.values()) lines.push(unnamedTarget(same, source))
  }
  return `${lines.join("\n")}\n`
}

const ruleOf = ({ service, argument, verdict }: ServiceResource, source: string, target: string) =>
  `${service} ${argument} ${source} ${target} ${verdict}`

const targetOf = ({ target }: ServiceResource) => (target === ADMIN_NAME ? "@adminvm" : target)

/** A caller that names no target means the one that it was granted; where there are several, the user chooses. */
function unnamedTarget(same: readonly ServiceResource[], source: string): string {
  const [only, ...others] = same
  if (only === undefined) return ""
  if (others.length === 0) return `${ruleOf(only, source, "@default")} target=${targetOf(only)}`
  return `${only.service} ${only.argument} ${source} @default ask`
}

/** What rules may know of an instance's domains; a disposable of it is of type "DispVM". */
export function factsOfInstance(
  system: System,
  name: InstanceName,
  domain: { readonly isRunning: boolean; readonly isDisposable?: boolean },
): DomainFacts | undefined {
  const instance = system.instances[name]
  if (instance === undefined) return undefined
  const isDisposable = domain.isDisposable === true
  return {
    tags: [...instance.tags, instanceTag(name)],
    type: isDisposable ? "DispVM" : "AppVM",
    templateForDisposables: instance.disposableTemplate && !isDisposable,
    defaultDisposable: instance.defaultDisposable ?? system.settings.defaultDisposable ?? undefined,
    isRunning: domain.isRunning,
  }
}

/** The host, as rules see it. */
export const HOST_FACTS: DomainFacts = {
  tags: [],
  type: "AdminVM",
  templateForDisposables: false,
  isRunning: true,
  uuid: "00000000-0000-0000-0000-000000000000",
}

/** Every domain that the configuration has, none of them disposable. */
export function factsOfSystem(
  system: System,
  isRunning: (name: string) => boolean,
): Record<string, DomainFacts> {
  const facts: Record<string, DomainFacts> = { [ADMIN_NAME]: HOST_FACTS }
  for (const name of Object.keys(system.instances) as InstanceName[]) {
    const found = factsOfInstance(system, name, { isRunning: isRunning(name) })
    if (found !== undefined) facts[name] = found
  }
  return facts
}
