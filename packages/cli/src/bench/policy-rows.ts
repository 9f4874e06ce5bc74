import {
  type Decision,
  type DomainFacts,
  evaluate,
  loadPolicy,
  type Policy,
  type PolicyRequest,
  type SystemView,
  systemView,
} from "@skerry/policy"
import type { Row } from "./row.ts"

/*
 * Decisions by 200 rules about 25 domains. The bars are 30 times what the reference makes of as many on the machine of
 * docs/performance.md: 1,000,000 decisions a second that allow or deny, 400,000 that ask, and 2 ms for parsing.
 */

const RULES = 200
const DOMAINS = 25
const DECISIONS = 100_000

export interface PolicyBench {
  readonly text: string
  readonly policy: Policy
  readonly system: SystemView
  readonly decided: readonly PolicyRequest[]
  readonly asked: readonly PolicyRequest[]
}

const nth = <T>(list: readonly T[], at: number): T => list[at % list.length] as T

const name = (at: number) => `vm-${at}`

function domains(): Record<string, DomainFacts> {
  const facts: Record<string, DomainFacts> = {
    dom0: { tags: [], type: "AdminVM", templateForDisposables: false, isRunning: true },
  }
  for (let at = 1; at < DOMAINS; at++) {
    facts[name(at)] = {
      tags: [`team-${at % 4}`, `zone-${at % 3}`],
      type: at % 9 === 0 ? "TemplateVM" : "AppVM",
      templateForDisposables: at % 6 === 0,
      defaultDisposable: name(6),
      isRunning: at % 2 === 0,
    }
  }
  return facts
}

/** Always the same numbers, below `count`. */
function dice(): (count: number) => number {
  let state = 20_260_101
  return (count) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (state >>> 8) % count
  }
}

/** As policies are: many rules about single services and domains first, general ones last. */
function rules(): string {
  const below = dice()
  const lines = Array.from({ length: RULES - 3 }, (_, at) => {
    const source = nth([name(1 + below(24)), `@tag:team-${below(4)}`, "@type:AppVM", "@anyvm"], below(4))
    const target = nth(
      [name(1 + below(24)), `@tag:zone-${below(3)}`, "@dispvm", "@adminvm", "@default", "@anyvm"],
      below(6),
    )
    const action = nth(["deny", "ask", "allow", "deny notify=no", "allow user=root"], below(5))
    const redirect = target === "@default" && action.startsWith("allow") ? " target=vm-2" : ""
    const argument = below(10) === 0 ? `+argument-${below(50)}` : "*"
    return `service.Name${at % 40} ${argument} ${source} ${target} ${action}${redirect}`
  })
  lines.push("service.Ask * @anyvm @anyvm ask", "* * @tag:team-3 @tag:zone-2 allow", "* * @anyvm @anyvm deny")
  return `${lines.join("\n")}\n`
}

export function policyBench(): PolicyBench {
  const below = dice()
  const text = rules()
  const policy = parse(text)
  const system = systemView(domains())
  const requests = Array.from({ length: 4000 }, () => ({
    service: below(8) === 0 ? "service.Ask" : `service.Name${below(48)}`,
    argument: below(3) === 0 ? `+argument-${below(50)}` : "+",
    source: name(1 + below(24)),
    target: nth([name(1 + below(24)), "@dispvm", "@adminvm", "", "@dispvm:vm-6", "gone"], below(6)),
  }))
  const kindOf = (request: PolicyRequest): Decision["kind"] => evaluate(policy, system, request).kind
  return {
    text,
    policy,
    system,
    decided: requests.filter((request) => ["allow", "deny"].includes(kindOf(request))),
    asked: requests.filter((request) => kindOf(request) === "ask"),
  }
}

const parse = (text: string): Policy => loadPolicy(new Map([["50-bench.policy", text]]))

/** Milliseconds for DECISIONS of them. */
export function timeDecisions({ policy, system }: PolicyBench, requests: readonly PolicyRequest[]): number {
  const startMs = performance.now()
  for (let done = 0, at = 0; done < DECISIONS; done++) {
    const request = requests[at] as PolicyRequest
    if (evaluate(policy, system, request).kind === "error")
      throw new Error("The bench asks what makes no sense")
    at = at + 1 === requests.length ? 0 : at + 1
  }
  return performance.now() - startMs
}

let made: PolicyBench | undefined
const bench = (): PolicyBench => {
  made ??= policyBench()
  return made
}

/** The first of many parses runs code that is not compiled yet. */
const WARM_UP = 50

export const POLICY_ROWS: readonly Row[] = [
  {
    name: "policy-decide",
    what: "100,000 decisions that allow or deny",
    unit: "ms",
    bars: [{ says: "100 ms (1,000,000/s)", atMost: 100 }],
    sample: () => timeDecisions(bench(), bench().decided),
  },
  {
    name: "policy-ask",
    what: "100,000 decisions that ask",
    unit: "ms",
    bars: [{ says: "250 ms (400,000/s)", atMost: 250 }],
    sample: () => timeDecisions(bench(), bench().asked),
  },
  {
    name: "policy-parse",
    what: "parsing 200 rules",
    unit: "ms",
    bars: [{ says: "2 ms", atMost: 2 }],
    sample: () => {
      const { text } = bench()
      for (let round = 0; round < WARM_UP; round++) parse(text)
      const startMs = performance.now()
      parse(text)
      return performance.now() - startMs
    },
  },
]
