import type { Instance, InstanceName, System } from "@skerry/model"
import {
  type Allow,
  type Ask,
  type Decision,
  type Deny,
  type DomainFacts,
  decideAnswer,
  evaluate,
  type Policy,
  type SystemView,
  systemView,
} from "@skerry/policy"
import type { CallParams } from "@skerry/rpc"
import type { Answer } from "../prompts/answer.ts"
import { HOST_NAME } from "./call-record.ts"

/** What is known of a policy: itself, or why it cannot be read. */
export type PolicyOrProblem = Policy | { readonly problem: string }

type Asked = Pick<CallParams, "service" | "argument" | "target">

const DISPOSABLE = "@dispvm"

/** What decides calls at one moment: the policy, and the domains that its rules are about. */
export class PolicyView {
  readonly #policy: PolicyOrProblem
  readonly #system: System
  readonly #domains: Readonly<Record<string, DomainFacts>>
  readonly #facts: SystemView
  readonly #spent: ReadonlySet<string>
  readonly #now: () => number

  constructor(
    policy: PolicyOrProblem,
    system: System,
    domains: Readonly<Record<string, DomainFacts>>,
    spent: ReadonlySet<string>,
    now: () => number,
  ) {
    this.#policy = policy
    this.#system = system
    this.#domains = domains
    this.#facts = systemView(domains)
    this.#spent = spent
    this.#now = now
  }

  decide(source: string, { service, argument, target }: Asked): Decision {
    if ("problem" in this.#policy) {
      const reason = `No policy is in force: ${this.#policy.problem}`
      return { kind: "deny", notify: true, reason, rule: undefined }
    }
    const request = { service, argument: `+${argument}`, source, target }
    return evaluate(this.#policy, this.#facts, request, { nowMs: this.#now(), spent: this.#spent })
  }

  /** The same, for a call: whoever makes it must be known. */
  decideCall(source: string, asked: Asked): Decision {
    if (!Object.hasOwn(this.#domains, source)) {
      // Rules by its tags would not know it, and so what denies by a tag.
      const reason = `"${source}" is not in the current generation: its domain runs on, and may call nobody`
      return { kind: "deny", notify: true, reason, rule: undefined }
    }
    return this.decide(source, asked)
  }

  decideAnswer(decision: Ask, answer: Answer): Allow | Deny {
    return decideAnswer(decision, answer)
  }

  /** What an answer allows that was given to a question of an earlier view. */
  decideAgain(source: string, asked: Asked, answer: Answer): Exclude<Decision, Ask> {
    const decision = this.decideCall(source, asked)
    if (decision.kind === "ask") return decideAnswer(decision, answer)
    if (decision.kind !== "allow") return decision
    if (answer.kind === "allow" && answer.target === decision.target) return decision
    const reason = "The policy was changed while it was asked about"
    return { kind: "deny", notify: true, reason, rule: decision.rule }
  }

  /** For what is told rather than called: would policy let `source` do so, without asking? */
  allows(source: string, service: string, target: string): boolean {
    return this.decide(source, { service, argument: "", target }).kind === "allow"
  }

  /** A target as policy reads it: a name that does not exist is "@default". */
  effectiveTarget(untrustedTarget: string): string {
    const target = this.#facts.target(untrustedTarget)
    return "text" in target ? target.text : "@default"
  }

  /** Where a call of the host goes: `@dispvm` is a disposable of the system's default. */
  hostTarget(target: string): string {
    const { defaultDisposable } = this.#system.settings
    return target === DISPOSABLE && defaultDisposable !== null ? `${DISPOSABLE}:${defaultDisposable}` : target
  }

  /** Every instance, and every disposable that runs. */
  get names(): readonly string[] {
    return Object.keys(this.#domains).filter((name) => name !== "dom0")
  }

  has(name: string): boolean {
    return name !== "dom0" && Object.hasOwn(this.#domains, name)
  }

  classOf(name: string): string {
    return this.#domains[name]?.type ?? ""
  }

  defaultDisposableOf(name: string): string | undefined {
    return this.#domains[name]?.defaultDisposable
  }

  instanceOf(name: string): Instance | undefined {
    const { instances } = this.#system
    return Object.hasOwn(instances, name) ? instances[name as InstanceName] : undefined
  }
}

export const isHostTarget = (target: string): boolean => target === HOST_NAME || target === "dom0"
