import type { System } from "@skerry/model"
import {
  type Decision,
  type DomainFacts,
  disposableTag,
  evaluate,
  factsOfSystem,
  type Policy,
  systemView,
} from "@skerry/policy"
import type { AllowedCall, Subject } from "./access.ts"

export interface CallOf {
  readonly subject: Subject
  readonly call: AllowedCall
}

/** Such a name is nobody's: rules know a disposable by its tag alone. */
const disposableOf = (instance: string) => `${instance} disposable`

/** No service has this name, so that only rules for every service match it. */
export const ANY_SERVICE = "*"

/**
 * Pure: who may call what where, found by asking the policy about every service that it names. What holds for an instance's
 * disposables is told only where it differs from what holds for the instance.
 */
export function allowedCalls(system: System, policy: Policy, nowMs: number): readonly CallOf[] {
  const facts: Record<string, DomainFacts> = factsOfSystem(system, () => false)
  const instances = Object.keys(system.instances)
  for (const name of instances) {
    const own = facts[name]
    if (own === undefined) continue
    facts[disposableOf(name)] = {
      ...own,
      type: "DispVM",
      tags: [...own.tags, disposableTag(name)],
      templateForDisposables: false,
      isInternal: true,
    }
  }
  const view = systemView(facts)
  const templates = instances.filter((name) => facts[name]?.templateForDisposables === true)
  const targets = [
    ...instances,
    "@adminvm",
    "@dispvm",
    ...templates.map((name) => `@dispvm:${name}`),
    "@default",
  ]
  const questions = questionsOf(policy)
  const callsFrom = (source: string): ReadonlyMap<string, AllowedCall> => {
    const found = new Map<string, AllowedCall>()
    for (const { service, argument } of questions) {
      for (const target of targets) {
        if (target === source) continue
        const request = { service, argument: argument ?? "+", source, target }
        const decision = evaluate(policy, view, request, { nowMs })
        for (const call of callsOf(decision, `${service}${argument ?? ""}`)) {
          const key = `${call.service} ${call.target} ${call.user ?? ""}`
          // What may be had without a question need not be asked for.
          if (found.get(key)?.verdict !== "allow") found.set(key, call)
        }
      }
    }
    return found
  }
  return instances.flatMap((name) => {
    const own = callsFrom(name)
    const ofDisposables = callsFrom(disposableOf(name))
    const further = [...ofDisposables].filter(
      ([key, call]) => call.target !== name && own.get(key)?.verdict !== call.verdict,
    )
    return [
      ...[...own.values()].map((call) => ({ subject: { kind: "instance", name } as const, call })),
      ...further.map(([, call]) => ({ subject: { kind: "disposables", name } as const, call })),
    ]
  })
}

function callsOf(decision: Decision, service: string): AllowedCall[] {
  if (decision.kind === "allow") {
    return [{ service, target: decision.target, verdict: "allow", user: decision.user }]
  }
  if (decision.kind !== "ask") return []
  return decision.targets.map((target) => ({ service, target, verdict: "ask", user: decision.user }))
}

interface Question {
  readonly service: string
  readonly argument: string | undefined
}

function questionsOf({ rules }: Policy): readonly Question[] {
  const found = new Map<string, Question>()
  for (const { service = ANY_SERVICE, argument } of rules) {
    found.set(`${service}${argument ?? ""}`, { service, argument })
  }
  return [...found.values()].sort((a, b) => compare(a.service, b.service) || compare(a.argument, b.argument))
}

const compare = (a = "", b = "") => (a < b ? -1 : a > b ? 1 : 0)
