import { nearMatch, printable, quoted, unreachable } from "@skerry/model"
import {
  type Decision,
  describeNearMiss,
  type Explanation,
  explain,
  loadPolicy,
  type PolicyRequest,
  type Rule,
  ruleShown,
} from "@skerry/policy"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { showJson } from "../render/table.ts"
import { answerOf } from "./batch.ts"
import { mergedFiles, viewOfSystem, writtenSystem } from "./policy-directories.ts"

interface Asked {
  readonly source: string
  readonly target: string
  /** With its argument. */
  readonly service: string
}

/** Status 0: it may be called, perhaps after asking; 1: it is refused. */
export async function evaluateCall(
  context: CommandContext,
  { source, target, service }: Asked,
  options: { readonly explain: boolean; readonly json: boolean },
): Promise<number> {
  const system = await writtenSystem(context)
  if (system === undefined) {
    throw new CliError("refused", "There is no configuration yet, and so no instance; run: skerry init")
  }
  const plus = service.indexOf("+")
  const request: PolicyRequest = {
    service: plus < 0 ? service : service.slice(0, plus),
    argument: plus < 0 ? "+" : service.slice(plus),
    source,
    target,
  }
  const view = viewOfSystem(system)
  if (view.domain(source) === undefined) {
    const near = nearMatch(
      source,
      view.domains.map(({ name }) => name),
    )
    const hint = near === undefined ? "" : `: did you mean ${near}?`
    throw new CliError("refused", `There is no instance ${quoted(source)}${hint}`)
  }
  const policy = loadPolicy(mergedFiles(context, system))
  const explanation = explain(policy, view, request, { nowMs: Date.now() })
  const { decision } = explanation
  context.stdout.write(
    options.json
      ? showJson(asJson(explanation))
      : `${describe(decision)}${options.explain ? describeWhy(explanation, request) : ""}`,
  )
  return decision.kind === "allow" || decision.kind === "ask" ? 0 : 1
}

function describe(decision: Decision): string {
  switch (decision.kind) {
    case "allow":
      return `allow: to ${printable(decision.target)}${as(decision.user)}\n`
    case "ask": {
      const preferred = decision.defaultTarget === undefined ? "" : `, ${decision.defaultTarget} by default`
      return printable(
        `ask: for one of ${decision.targets.join(" ")}${preferred}${as(decision.user)}`,
      ).concat("\n")
    }
    case "deny":
      return `deny: ${printable(decision.reason)}\n`
    case "error":
      return `refused: ${printable(decision.reason)}\n`
    default:
      return unreachable(decision)
  }
}

const as = (user: string | undefined) => (user === undefined ? "" : `, as ${printable(user)}`)

const ruleLine = (rule: Rule) => `${printable(ruleShown(rule))}: ${printable(rule.text)}`

function describeWhy({ decision, target, nearMisses }: Explanation, request: PolicyRequest): string {
  const lines: string[] = []
  if (target !== undefined && target !== request.target) {
    lines.push(`The target counts as ${target}: there is no domain ${JSON.stringify(request.target)}.`)
  }
  const rule = decision.kind === "error" ? undefined : decision.rule
  lines.push(rule === undefined ? "No rule decided." : `Decided by ${ruleLine(rule)}`)
  for (const miss of nearMisses) {
    lines.push(`Nearly     ${ruleLine(miss.rule)}`)
    lines.push(`           but ${describeNearMiss(miss.rule, miss.differs, request)}`)
  }
  return lines.map((line) => `${printable(line)}\n`).join("")
}

const asJson = ({ decision, target, nearMisses }: Explanation) => ({
  ...answerOf(decision),
  requested: target ?? null,
  rule: decision.kind === "error" || decision.rule === undefined ? null : placeOf(decision.rule),
  nearly: nearMisses.map(({ rule, differs }) => ({ ...placeOf(rule), differs })),
})

const placeOf = ({ file, line, text }: Rule) => ({ file, line: line ?? null, text })
