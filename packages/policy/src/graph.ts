import { evaluate, type Moment } from "./evaluate.ts"
import type { Policy } from "./load.ts"
import { compareBytes } from "./path.ts"
import type { Rule } from "./rule.ts"
import type { SystemView } from "./system-view.ts"

export interface GraphOptions {
  /** Show calls about which the user is asked, too. */
  readonly ask?: boolean
  /** Label edges with argument and action, and show asked calls. */
  readonly full?: boolean
  /** Only these, as SERVICE or SERVICE+ARGUMENT. */
  readonly services?: readonly string[]
  readonly sources?: readonly string[]
  readonly targets?: readonly string[]
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly label: string
  readonly verdict: "allow" | "ask"
}

export interface PolicyGraph {
  /** In the order in which edges name them. */
  readonly nodes: readonly string[]
  readonly edges: readonly GraphEdge[]
}

/** Who may call whom, found by asking the policy about every service that it names, from everybody to everything. */
export function policyGraph(
  policy: Policy,
  system: SystemView,
  options: GraphOptions = {},
  moment: Moment = {},
): PolicyGraph {
  const nodes = new Set<string>()
  const edges = new Map<string, GraphEdge>()
  const sources = options.sources ?? system.domains.map(({ name }) => name)
  for (const { service, argument } of questionsOf(policy, options.services)) {
    for (const source of sources) {
      for (const target of targetsOf(system)) {
        const request = { service: service ?? ANY, argument: argument ?? "+", source, target }
        const decision = evaluate(policy, system, request, moment)
        if (decision.kind !== "allow" && decision.kind !== "ask") continue
        const { kind: verdict, rule } = decision
        if (verdict === "ask" && options.ask !== true && options.full !== true) continue
        const to = rule.action.kind === "deny" ? target : (rule.action.redirect?.text ?? target)
        if (options.targets?.includes(to) === false) continue
        const label = options.full === true ? fullLabel(service, rule) : (service ?? ANY)
        const edge: GraphEdge = { from: source, to, label, verdict }
        edges.set(JSON.stringify(edge), edge)
        nodes.add(source).add(to)
      }
    }
  }
  return { nodes: [...nodes], edges: [...edges.values()] }
}

/** No service has this name, so that only rules for every service match it. */
const ANY = "*"

interface Question {
  readonly service: string | undefined
  readonly argument: string | undefined
}

function questionsOf({ rules }: Policy, only: readonly string[] | undefined): readonly Question[] {
  const found = new Map<string, Question>()
  const add = (service: string | undefined, argument: string | undefined) =>
    found.set(`${service ?? ""}${argument ?? ""}`, { service, argument })
  for (const { service, argument } of rules) add(service, argument)
  for (const each of only ?? []) {
    const plus = each.indexOf("+")
    if (plus < 0) add(each, undefined)
    else add(each.slice(0, plus), each.slice(plus))
  }
  const isWanted = ({ service, argument }: Question) =>
    only === undefined ||
    (service !== undefined && (only.includes(service) || only.includes(`${service}${argument ?? ""}`)))
  return [...found.values()]
    .filter(isWanted)
    .sort(
      (a, b) =>
        compareBytes(a.service ?? "", b.service ?? "") || compareBytes(a.argument ?? "", b.argument ?? ""),
    )
}

function targetsOf({ domains }: SystemView): readonly string[] {
  const names = domains.map(({ name }) => name)
  const disposables = domains.filter(({ templateForDisposables }) => templateForDisposables)
  return [...names, "@dispvm", ...disposables.map(({ name }) => `@dispvm:${name}`), "@default"]
}

function fullLabel(service: string | undefined, { argument, action }: Rule): string {
  const parts: string[] = [`${service ?? ANY}${argument ?? ""}`, action.kind]
  if (action.kind !== "deny") {
    if (action.redirect !== undefined) parts.push(`target=${action.redirect.text}`)
    if (action.kind === "ask" && action.defaultTarget !== undefined) {
      parts.push(`default_target=${action.defaultTarget.text}`)
    }
    if (action.user !== undefined) parts.push(`user=${action.user}`)
  }
  return parts.join(" ")
}

/** The graph in the language of Graphviz; `colourOf` gives a domain's colour as `#rrggbb`. */
export function dotOf(
  { nodes, edges }: PolicyGraph,
  colourOf: (name: string) => string | undefined = () => undefined,
): string {
  const seen = new Set<string>()
  const lines: string[] = []
  const addNode = (name: string) => {
    if (seen.has(name) || !nodes.includes(name)) return
    seen.add(name)
    const colour = colourOf(name)
    const look = name.startsWith("@")
      ? "style = dotted"
      : colour === undefined
        ? "penwidth = 3"
        : `color = ${dotText(colour)}, penwidth = 3`
    lines.push(`  ${dotText(name)} [${look}];`)
  }
  for (const { from, to, label, verdict } of edges) {
    addNode(from)
    addNode(to)
    const colour = verdict === "ask" ? "orange" : "red"
    lines.push(`  ${dotText(from)} -> ${dotText(to)} [label=${dotText(label)} color=${colour}];`)
  }
  return `digraph g {\n${lines.map((line) => `${line}\n`).join("")}}\n`
}

const dotText = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`
