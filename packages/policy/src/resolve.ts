import { unreachable } from "@skerry/model"
import { type Decision, deny } from "./decision.ts"
import { isSame } from "./match.ts"
import { type Rule, ruleShown } from "./rule.ts"
import type { Caller, SystemView, Target } from "./system-view.ts"
import { ADMIN_NAME } from "./token.ts"

export const NO_MATCH: Decision = Object.freeze(deny("No rule matches", true))

/** A rule's action, carried out for the call that it matches. `offered`: what a prompt has to choose from. */
export function resolve(
  rule: Rule,
  offered: () => readonly string[],
  target: Target,
  caller: Caller,
  system: SystemView,
): Decision {
  const { action } = rule
  switch (action.kind) {
    case "deny":
      return deny(`Denied by ${ruleShown(rule)}`, rule.notify, rule)
    case "allow":
      return allow(rule, action, target, caller, system)
    case "ask":
      return ask(rule, action, offered, caller, system)
    default:
      return unreachable(action)
  }
}

function allow(
  rule: Rule,
  action: Extract<Rule["action"], { kind: "allow" }>,
  requested: Target,
  caller: Caller,
  system: SystemView,
): Decision {
  const where = ruleShown(rule)
  const target = action.redirect === undefined ? requested : system.redirected(action.redirect)
  if (target === undefined) {
    return deny(`${where} sends the call to a disposable of what none can be made of`, true, rule)
  }
  if (target.kind === "default") {
    return deny(`${where} allows it, but neither it nor the caller names a target that exists`, true, rule)
  }
  const text = allowedText(target, caller)
  if (text === undefined) {
    return deny(`${where} allows a disposable, but the caller has no default for disposables`, true, rule)
  }
  if (!action.autostart && !isThere(text, system)) {
    return deny(`${where} allows it only where ${text} runs already`, rule.notify, rule)
  }
  if (isSame(text, caller.text, system)) return deny("A domain cannot call itself", true, rule)
  const { user, autostart } = action
  return { kind: "allow", target: text, user, notify: rule.notify, autostart, rule }
}

function allowedText(target: Exclude<Target, { kind: "default" }>, caller: Caller): string | undefined {
  if (target.kind === "admin") return ADMIN_NAME
  if (target.kind !== "disposable") return target.text
  const made = caller.domain?.defaultDisposable
  return made === undefined ? undefined : `@dispvm:${made}`
}

/** Does the target run, so that nothing must be started for the call? */
export function isThere(text: string, system: SystemView): boolean {
  if (text.startsWith("@dispvm")) return false
  return text === "@adminvm" || system.domain(text)?.isRunning === true
}

function ask(
  rule: Rule,
  action: Extract<Rule["action"], { kind: "ask" }>,
  offered: () => readonly string[],
  caller: Caller,
  system: SystemView,
): Decision {
  const all = action.redirect === undefined ? offered() : onlyChoice(action.redirect.text, caller, system)
  const targets = action.autostart ? all : all.filter((text) => isThere(text, system))
  if (targets.length === 0) {
    return deny(`${ruleShown(rule)} would ask, but there is no target to choose`, true, rule)
  }
  const preferred =
    action.defaultTarget === undefined ? undefined : choiceOf(action.defaultTarget.text, caller, system)
  return {
    kind: "ask",
    targets: Object.freeze(targets),
    defaultTarget: preferred !== undefined && targets.includes(preferred) ? preferred : undefined,
    user: action.user,
    notify: rule.notify,
    autostart: action.autostart,
    rule,
  }
}

/** Nobody is asked whether a domain may call itself. */
function onlyChoice(redirect: string, caller: Caller, system: SystemView): readonly string[] {
  const only = choiceOf(redirect, caller, system)
  return only === undefined || isSame(only, caller.text, system) ? [] : [only]
}

/** A redirect as a choice in a prompt: names, never uuids or keywords that depend on the caller. */
function choiceOf(text: string, caller: Caller, system: SystemView): string | undefined {
  if (text === "@adminvm") return ADMIN_NAME
  if (text === "@dispvm") {
    const made = caller.domain?.defaultDisposable
    return made === undefined ? undefined : `@dispvm:${made}`
  }
  if (text.startsWith("@dispvm:")) {
    const domain = system.domain(text.slice("@dispvm:".length))
    return domain === undefined ? text : `@dispvm:${domain.name}`
  }
  return system.domain(text)?.name ?? text
}
