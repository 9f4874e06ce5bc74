import assert from "node:assert/strict"
import { AdministerError, administer } from "./administer.ts"
import { expand } from "./collect-targets.ts"
import type { CaseInput, Conformance } from "./conformance-cases.ts"
import { requestOf } from "./conformance-cases.ts"
import { decideAnswer } from "./decide-answer.ts"
import type { Allow, Decision } from "./decision.ts"
import { evaluate } from "./evaluate.ts"
import { dotOf, type GraphOptions, policyGraph } from "./graph.ts"
import { loadPolicy, type Policy } from "./load.ts"
import { sourceMatches, targetMatches } from "./match.ts"
import {
  type ParsedRule,
  parseRule,
  parseServed,
  parseServiceRule,
  RuleProblem,
  trimmed,
} from "./parse-rule.ts"
import { PolicyError } from "./policy-error.ts"
import { effectiveSource, routeCall } from "./route.ts"
import type { Rule } from "./rule.ts"
import type { SystemView, Target } from "./system-view.ts"
import { parseToken, type Token } from "./token.ts"

type Found = Readonly<Record<string, unknown>>
type Check = (input: CaseInput, of: Conformance) => Found

const MAIN = "__main__"
const CLASSES: Readonly<Record<string, string>> = {
  admin: "AdminVM",
  everything: "WildcardVM",
  "any-domain": "AnyVM",
  default: "DefaultVM",
  disposable: "DispVM",
  "disposable-of": "DispVMTemplate",
  "disposable-tag": "DispVMTag",
  tag: "TagVM",
  type: "TypeVM",
}
const NAME_CLASSES = {
  any: "VMToken",
  source: "Source",
  target: "Target",
  redirect: "Redirect",
  intended_target: "IntendedTarget",
}

const SYNTAX_ERROR = { result: "syntax_error" }

function token(text: string, context: Parameters<typeof parseToken>[1]): Token {
  const parsed = parseToken(text, context)
  assert.notEqual(parsed.kind, "problem")
  return parsed as Token
}

const policyOf = ({ policy }: CaseInput): Policy =>
  loadPolicy(new Map(Object.entries(policy.files)), {
    main: MAIN,
    compatFiles: new Map(Object.entries(policy.compat_files ?? {})),
  })

const policyOfLine = (line: string): Policy => loadPolicy(new Map([[MAIN, line]]), { main: MAIN })

function ruleOf(policy: Policy): Rule {
  assert.equal(policy.rules.length, 1)
  return policy.rules[0] as Rule
}

/** A rule's fields as the cases have them. */
function fieldsOf({ service, argument, source, target, action, notify }: ParsedRule): Found {
  const fields = {
    service: service ?? null,
    argument: argument ?? null,
    source: source.text,
    action: action.kind,
    notify,
  }
  if (action.kind === "deny") return { ...fields, target: target.text }
  const served = {
    ...fields,
    target: action.redirect?.text ?? null,
    user: action.user ?? null,
    autostart: action.autostart,
  }
  return action.kind === "allow" ? served : { ...served, default_target: action.defaultTarget?.text ?? null }
}

function orSyntaxError(work: () => Found): Found {
  try {
    return work()
  } catch (error) {
    if (error instanceof PolicyError || error instanceof RuleProblem) return SYNTAX_ERROR
    throw error
  }
}

function shown(decision: Decision, of: readonly string[]): Found {
  switch (decision.kind) {
    case "allow":
    case "ask": {
      const all: Record<string, unknown> = {
        result: decision.kind,
        target: decision.kind === "allow" ? decision.target : undefined,
        targets: decision.kind === "ask" ? decision.targets : undefined,
        default_target: decision.kind === "ask" ? (decision.defaultTarget ?? null) : undefined,
        user: decision.user ?? null,
        notify: decision.notify,
        autostart: decision.autostart,
        rule_index: decision.rule.index,
      }
      return Object.fromEntries(["result", ...of].map((name) => [name, all[name]]))
    }
    case "deny":
      return { result: "deny", notify: decision.notify }
    default:
      return { result: decision.code === "syntax" ? "syntax_error" : "request_error" }
  }
}

const EVALUATED = ["target", "targets", "default_target", "user", "notify", "autostart", "rule_index"]
const withoutAbsent = (found: Found): Found =>
  Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))

function knownTarget(system: SystemView, text: string): Target {
  const target = system.target(text)
  assert.ok("text" in target)
  return target
}

/** What each kind of question is put to, with the answer in the form that the cases have. */
export const CHECKS: Readonly<Record<string, Check>> = {
  token: ({ context, token: text }) => {
    const parsed = parseToken(text, context === "intended_target" ? "requested" : context)
    if (parsed.kind === "problem") return SYNTAX_ERROR
    return { result: "ok", class: CLASSES[parsed.kind] ?? NAME_CLASSES[context] }
  },
  token_match: ({ token: text, other, system_info, source }, of) => {
    const system = of.system(system_info)
    const caller = system.caller(source ?? "")
    return { match: targetMatches(token(text, "target"), knownTarget(system, other), caller, system) }
  },
  token_expand: ({ token: text, system_info }, of) => {
    const found = [...expand(token(text, "target"), of.system(system_info))]
    // The host is one target here, whichever of its names was written.
    return { targets: text === "@adminvm" ? found.map(() => text) : found.sort() }
  },
  verify_target: ({ target, system_info }, of) => {
    const found = of.system(system_info).target(target)
    return "text" in found ? { result: "ok", target: found.text } : { result: "deny", notify: true }
  },
  request: ({ request }, of) => {
    const system = of.system(request.system_info)
    const decision = evaluate(policyOfLine(""), system, requestOf(request))
    if (decision.kind === "error") {
      const isArgument = !request.argument.startsWith("+")
      return isArgument ? { result: "invalid_argument" } : shown(decision, [])
    }
    const target = system.target(request.target)
    if (!("text" in target)) return shown(decision, [])
    return { result: "ok", ...effectiveSource(system, requestOf(request)), target: target.text }
  },
  rule: ({ line }) => orSyntaxError(() => ({ result: "ok", ...fieldsOf(parseRule(trimmed(line))) })),
  rule_service: ({ service, argument, line }) =>
    orSyntaxError(() => {
      const served = parseServed(service, argument)
      return { result: "ok", ...fieldsOf(parseServiceRule(served, trimmed(line))) }
    }),
  rule_match: ({ line, request }, of) => {
    const system = of.system(request.system_info)
    const { kind } = evaluate(policyOfLine(line), system, requestOf(request))
    return { match: kind === "allow" }
  },
  load: (input) =>
    orSyntaxError(() => ({
      result: "ok",
      rules: policyOf(input).rules.map((rule) => ({ ...fieldsOf(rule), file: rule.file, lineno: rule.line })),
    })),
  find_rule: (input, of) => {
    const policy = policyOf(input)
    const system = of.system(input.request.system_info)
    const caller = system.caller(input.request.source)
    const target = knownTarget(system, input.request.target)
    const { service, argument } = input.request
    const rule = policy.index
      .listFor(service, argument)
      .rules.find(
        (each) =>
          sourceMatches(each.source, caller, system) && targetMatches(each.target, target, caller, system),
      )
    return rule === undefined ? { result: "deny", notify: true } : { result: "ok", rule_index: rule.index }
  },
  ask_targets: (input, of) => {
    const { request, policy } = input
    // A rule before all others that asks, about a target that adds nothing to the list.
    const files = { ...policy.files, [MAIN]: `* * * @default ask\n${policy.files[MAIN] ?? ""}` }
    const asked = { ...requestOf(request), target: "@default" }
    const decision = evaluate(
      policyOf({ ...input, policy: { files } }),
      of.system(request.system_info),
      asked,
    )
    return { targets: decision.kind === "ask" ? decision.targets : [] }
  },
  evaluate: (input, of) =>
    orSyntaxError(() => {
      const system = of.system(input.request.system_info)
      return withoutAbsent(shown(evaluate(policyOf(input), system, requestOf(input.request)), EVALUATED))
    }),
  user_response: ({ rule: line, targets, default_target, answer, chosen }) => {
    const rule = ruleOf(policyOfLine(line))
    const { notify } = rule
    const common = { user: undefined, autostart: true, notify, rule }
    const decision = decideAnswer(
      { kind: "ask", targets, defaultTarget: default_target ?? undefined, ...common },
      answer ? { kind: "allow", target: chosen } : { kind: "deny" },
    )
    return shown(decision, ["target", "notify"])
  },
  policy_reply: ({ rule: line, request, resolved }, of) => {
    const system = of.system(request.system_info)
    const rule = ruleOf(policyOfLine(line))
    const allowed: Allow = {
      kind: "allow",
      target: resolved.target,
      user: resolved.user ?? undefined,
      autostart: resolved.autostart,
      notify: rule.notify,
      rule,
    }
    const route = routeCall(allowed, requestOf(request), system)
    if ("kind" in route) return { result: "deny", notify: route.notify }
    return { result: "ok", lines: replyLines(allowed, route, request, system) }
  },
  policy_admin: ({ files, call, argument, payload }) => {
    const before = new Map(Object.entries(files))
    try {
      const { reply, files: after } = administer(before, call, argument, payload)
      return { result: "ok", reply, files: Object.fromEntries(after) }
    } catch (error) {
      if (!(error instanceof AdministerError)) throw error
      return { result: "error", class: ADMIN_ERRORS[error.code], files }
    }
  },
  graph: ({ files, args, system_info }, of) => {
    const policy = loadPolicy(new Map(Object.entries(files)))
    const graph = policyGraph(policy, of.system(system_info), graphOptions(args))
    return { lines: dotOf(graph, of.colourOf(system_info)).trimEnd().split("\n") }
  },
}

const ADMIN_ERRORS: Readonly<Record<AdministerError["code"], string>> = {
  protocol: "PolicyAdminProtocolException",
  "file-name": "PolicyAdminInvalidFileNameException",
  "not-found": "PolicyAdminFileNotFoundException",
  token: "PolicyAdminTokenException",
  syntax: "PolicyAdminSyntaxException",
}

function replyLines(
  { autostart, target }: Allow,
  route: Exclude<ReturnType<typeof routeCall>, Decision>,
  request: CaseInput["request"],
  system: SystemView,
): string[] {
  const made = /^@dispvm:(.*)$/.exec(target)?.[1]
  const { uuid } = system.domain(made ?? route.target) ?? {}
  const isHost = system.domain(route.target)?.isAdmin === true || route.target === "@adminvm"
  const own = `${request.service}${request.argument}`
  return [
    `user=${route.user ?? "DEFAULT"}`,
    "result=allow",
    `target=${isHost ? "dom0" : route.target}`,
    ...(isHost ? [] : [`target_uuid=${made === undefined ? "" : "@dispvm:"}uuid:${uuid}`]),
    `autostart=${autostart ? "True" : "False"}`,
    `requested_target=${request.target}`,
    ...(route.service === own ? [] : [`service=${route.service}`]),
    ...(request.requested_source === undefined ? [] : [`policy_source=${request.requested_source}`]),
  ]
}

function graphOptions(args: readonly string[]): GraphOptions {
  const after = (name: string) => {
    const at = args.indexOf(name)
    return at < 0 ? {} : { [`${name.slice(2)}s`]: [args[at + 1] ?? ""] }
  }
  return {
    ask: args.includes("--include-ask"),
    full: args.includes("--full-output"),
    ...after("--service"),
    ...after("--target"),
    ...after("--source"),
  }
}
