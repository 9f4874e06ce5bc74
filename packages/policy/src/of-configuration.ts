import type { Instance, ServiceResource, System } from "@skerry/model"
import type { DomainFacts } from "./system-view.ts"
import { ADMIN_NAME } from "./token.ts"

/** The file that grants of the configuration become: before the defaults that are shipped, after what users number lower. */
export const CONFIGURATION_FILE = "50-configuration.policy"

/** A disposable has a name of its own; rules know by this tag what it was made of. */
export const disposableTag = (instance: string): string => `disposable-of-${instance}`

/** Grants of kind `service` as the text of a policy file. They hold for an instance's disposables too. */
export function rulesOfConfiguration(system: System): string {
  const lines = ["# Made from the grants of the configuration."]
  for (const [name, { grants }] of Object.entries<Instance>(system.instances)) {
    const granted = grants.flatMap(({ resource: granted }) => {
      const resource = system.resources[granted]
      return resource?.kind === "service" ? [resource] : []
    })
    for (const source of [name, `@tag:${disposableTag(name)}`]) lines.push(...rulesOf(granted, source))
  }
  return `${lines.join("\n")}\n`
}

function rulesOf(granted: readonly ServiceResource[], source: string): string[] {
  const byService = Map.groupBy(granted, ({ service, argument }) => `${service} ${argument}`)
  return [
    ...granted.map((each) => ruleOf(each, source, targetOf(each))),
    ...[...byService.values()].map((same) => unnamedTarget(same, source)),
  ]
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

/** The domains that the configuration has: each instance's own, none of them a disposable. */
export function factsOfSystem(
  system: System,
  isRunning: (name: string) => boolean,
): Record<string, DomainFacts> {
  const facts: Record<string, DomainFacts> = {
    [ADMIN_NAME]: { tags: [], type: "AdminVM", templateForDisposables: false, isRunning: true },
  }
  for (const [name, instance] of Object.entries<Instance>(system.instances)) {
    facts[name] = {
      tags: instance.tags,
      type: "AppVM",
      templateForDisposables: instance.disposableTemplate,
      defaultDisposable: instance.defaultDisposable ?? system.settings.defaultDisposable ?? undefined,
      isRunning: isRunning(name),
    }
  }
  return facts
}
