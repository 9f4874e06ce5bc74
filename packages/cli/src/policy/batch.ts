import { unreachable } from "@skerry/model"
import {
  type Decision,
  type DomainFacts,
  evaluate,
  loadPolicy,
  type Policy,
  PolicyError,
  type PolicyRequest,
  type SystemView,
  systemView,
} from "@skerry/policy"

/*
 * Questions to policies, one JSON object a line: { define: "system" | "policy" } gives something a name, anything else
 * is a question and gets one answer.
 */

/** What is answered, in the order of its members. */
export interface BatchAnswer {
  readonly result: Decision["kind"]
  readonly [member: string]: unknown
}

export function answerOf(decision: Decision): BatchAnswer {
  switch (decision.kind) {
    case "allow":
      return {
        result: "allow",
        target: decision.target,
        user: decision.user ?? null,
        notify: decision.notify,
        autostart: decision.autostart,
      }
    case "ask":
      return {
        result: "ask",
        targets: decision.targets,
        default_target: decision.defaultTarget ?? null,
        user: decision.user ?? null,
        notify: decision.notify,
        autostart: decision.autostart,
      }
    case "deny":
      return { result: "deny", notify: decision.notify, reason: decision.reason }
    case "error":
      return { result: "error", code: decision.code, reason: decision.reason }
    default:
      return unreachable(decision)
  }
}

/** Why a line gets no decision. */
class BatchProblem extends Error {}

type Members = Readonly<Record<string, unknown>>

export class Batch {
  readonly #systems = new Map<string, SystemView>()
  readonly #policies = new Map<string, Policy | PolicyError>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** The answer's line, without its end; undefined for a definition and for an empty line. */
  answer(untrustedLine: string): string | undefined {
    if (untrustedLine.trim() === "") return undefined
    let id = "null"
    try {
      const members = asMembers(parseJson(untrustedLine), "A line")
      id = jsonOf(members.id)
      if (members.define !== undefined) {
        this.#define(members)
        return undefined
      }
      return answerLine(id, answerOf(this.#decide(members)))
    } catch (error) {
      if (!(error instanceof BatchProblem)) throw error
      return refusal(error.message, id)
    }
  }

  #define(members: Members): void {
    const name = asText(members.name, "name")
    if (members.define === "system") this.#systems.set(name, viewOf(asMembers(members.domains, "domains")))
    else if (members.define === "policy")
      this.#policies.set(name, policyOf(asMembers(members.files, "files")))
    else throw new BatchProblem('define is "system" or "policy"')
  }

  #decide(members: Members): Decision {
    const policyName = asText(members.policy, "policy")
    const systemName = asText(members.system, "system")
    const request: PolicyRequest = {
      service: asText(members.service, "service"),
      argument: asText(members.argument ?? "+", "argument"),
      source: asText(members.source, "source"),
      target: asText(members.target ?? "", "target"),
      ...(typeof members.requested_source === "string" ? { relayedFor: members.requested_source } : {}),
    }
    const policy = this.#policies.get(policyName)
    const system = this.#systems.get(systemName)
    if (policy === undefined) throw new BatchProblem(`No policy ${JSON.stringify(policyName)} was defined`)
    if (system === undefined) throw new BatchProblem(`No system ${JSON.stringify(systemName)} was defined`)
    if (policy instanceof PolicyError) return { kind: "error", code: "syntax", reason: policy.message }
    return evaluate(policy, system, request, { nowMs: this.#now() })
  }
}

/** `id` is JSON already. */
const answerLine = (id: string, answer: BatchAnswer): string =>
  `{"id":${id},${JSON.stringify(answer).slice(1)}`

export const refusal = (reason: string, id = "null"): string =>
  answerLine(id, { result: "error", code: "request", reason })

/** What can be read as JSON may still be nested too deeply to be written. */
function jsonOf(id: unknown): string {
  try {
    return JSON.stringify(id ?? null)
  } catch (error) {
    if (error instanceof RangeError) throw new BatchProblem("The id is nested too deeply")
    throw error
  }
}

function parseJson(untrustedLine: string): unknown {
  try {
    return JSON.parse(untrustedLine)
  } catch {
    throw new BatchProblem("The line is no JSON")
  }
}

function asMembers(value: unknown, what: string): Members {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members
  throw new BatchProblem(`${what} is an object`)
}

function asText(value: unknown, what: string): string {
  if (typeof value === "string") return value
  throw new BatchProblem(`${what} is a text`)
}

const MAIN = "__main__"

function policyOf(members: Members): Policy | PolicyError {
  const files = new Map(Object.entries(members).map(([path, text]) => [path, asText(text, "a file")]))
  try {
    return files.has(MAIN) ? loadPolicy(files, { main: MAIN }) : loadPolicy(files)
  } catch (error) {
    if (error instanceof PolicyError) return error
    throw error
  }
}

const optionalText = (value: unknown, what: string): string | undefined =>
  value === undefined || value === null ? undefined : asText(value, what)

function viewOf(domains: Members): SystemView {
  const facts = Object.entries(domains).map(([name, untrustedDomain]): [string, DomainFacts] => {
    const domain = asMembers(untrustedDomain, "a domain")
    const tags: readonly unknown[] = Array.isArray(domain.tags) ? domain.tags : []
    return [
      name,
      {
        tags: tags.map((tag) => asText(tag, "a tag")),
        type: asText(domain.type ?? "", "type"),
        templateForDisposables: domain.template_for_dispvms === true,
        defaultDisposable: optionalText(domain.default_dispvm, "default_dispvm"),
        isRunning: domain.power_state === "Running",
        uuid: optionalText(domain.uuid, "uuid"),
        isInternal: domain.internal === true,
        relay: optionalText(domain.relayvm, "relayvm"),
        transportService: optionalText(domain.transport_rpc, "transport_rpc"),
      },
    ]
  })
  return systemView(Object.fromEntries(facts))
}
