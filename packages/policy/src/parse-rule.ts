import { quoted } from "@skerry/model"
import { parseExpiry } from "./expiry.ts"
import { findGlobProblem } from "./glob.ts"
import { POLICY_LIMITS } from "./limits.ts"
import type { Action, Rule, RuleExtensions } from "./rule.ts"
import { parseToken, type Token, type TokenContext } from "./token.ts"

/** Why a line is no rule, for people. Caught where lines are read. */
export class RuleProblem extends Error {}

const fail = (message: string): never => {
  throw new RuleProblem(message)
}

/** What the reference takes for space; a form feed or a no-break space parts words too. */
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/
const EDGES = new RegExp(`^${SPACE.source}|${SPACE.source}$`, "g")

export const trimmed = (line: string): string => line.replace(EDGES, "")
/** The words of a line that was trimmed. */
export const wordsOf = (text: string): string[] => (text === "" ? [] : text.split(SPACE))

const SERVICE = /^[A-Za-z0-9_.-]*$/
const ARGUMENT = /^\+[A-Za-z0-9_.+-]*$/

export interface Served {
  readonly service: string | undefined
  readonly argument: string | undefined
}

/** What a rule, or an included file, is for; "*" is any. Throws RuleProblem. */
export function parseServed(service: string, argument: string): Served {
  if (service !== "*" && !SERVICE.test(service)) {
    fail(`A service's name has letters, digits and "_", ".", "-" only, found ${quoted(service)}`)
  }
  if (argument !== "*" && !ARGUMENT.test(argument)) {
    fail(
      `An argument is "*", or "+" and then letters, digits and "_", ".", "+", "-", found ${quoted(argument)}`,
    )
  }
  if (service === "*" && argument !== "*") fail('For the service "*" the argument is "*" too')
  return {
    service: service === "*" ? undefined : service,
    argument: argument === "*" ? undefined : argument,
  }
}

export type ParsedRule = Omit<Rule, "index" | "file" | "line" | "text">

/** SERVICE ARGUMENT SOURCE TARGET ACTION [PARAMETER…]. Throws RuleProblem. */
export function parseRule(text: string): ParsedRule {
  const [service, argument, source, target, action, ...parameters] = wordsOf(text)
  if (
    service === undefined ||
    argument === undefined ||
    source === undefined ||
    target === undefined ||
    action === undefined
  ) {
    return fail("A rule has a service, an argument, a source, a target and an action")
  }
  return completeRule(parseServed(service, argument), source, target, action, parameters)
}

/** SOURCE TARGET ACTION[,PARAMETER…]: a line of a file for one service, as R4.0 had them. Throws RuleProblem. */
export function parseServiceRule(served: Served, text: string): ParsedRule {
  const [source, target, ...rest] = wordsOf(text)
  const [action, ...parameters] = rest.flatMap((word) => word.split(","))
  if (source === undefined || target === undefined || action === undefined) {
    return fail("A rule for one service has a source, a target and an action")
  }
  return completeRule(served, source, target, action, parameters)
}

function completeRule(
  served: Served,
  source: string,
  target: string,
  actionWord: string,
  parameters: readonly string[],
): ParsedRule {
  const tokens = { source: token(source, "source"), target: token(target, "target") }
  if (actionWord !== "allow" && actionWord !== "ask" && actionWord !== "deny") {
    return fail(`An action is allow, ask or deny, found ${quoted(actionWord)}`)
  }
  const given = parseParameters(actionWord, parameters)
  const extensions = parseExtensions(given, served)
  const notify = yesOrNo(given, "notify", actionWord === "deny")
  if (actionWord === "deny") return { ...served, ...tokens, action: { kind: "deny" }, notify, extensions }
  const common = {
    redirect: redirect(given, "target"),
    user: given.get("user"),
    autostart: yesOrNo(given, "autostart", true),
  }
  if (actionWord === "allow" && tokens.target.kind === "default" && common.redirect === undefined) {
    fail("A rule that allows @default needs target=: nothing else says where the call goes")
  }
  const action: Action =
    actionWord === "allow"
      ? { kind: "allow", ...common }
      : { kind: "ask", ...common, defaultTarget: redirect(given, "default_target") }
  return { ...served, ...tokens, action, notify, extensions }
}

function token(text: string, context: TokenContext): Token {
  const parsed = parseToken(text, context)
  return parsed.kind === "problem" ? fail(parsed.message) : parsed
}

const EXTENSIONS = ["arg~", "expires"]
const PARAMETERS: Readonly<Record<Action["kind"], readonly string[]>> = {
  allow: ["target", "user", "notify", "autostart", "once", ...EXTENSIONS],
  ask: ["target", "default_target", "user", "notify", "autostart", "once", ...EXTENSIONS],
  deny: ["notify", ...EXTENSIONS],
}

/** `once` alone has no value: the reference knows no parameter without one, so that no file of its changes its meaning. */
function parseParameters(action: Action["kind"], words: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>()
  for (const word of words) {
    const at = word.indexOf("=")
    const key = at < 0 ? word : word.slice(0, at)
    if (at < 0 && key !== "once") fail(`A parameter is NAME=VALUE, found ${quoted(word)}`)
    if (at >= 0 && key === "once") fail("once stands alone, without a value")
    if (given.has(key)) fail(`The parameter ${quoted(key)} is given twice`)
    if (!PARAMETERS[action].includes(key)) {
      const names = PARAMETERS[action].map((name) => (name === "once" ? name : `${name}=`))
      fail(`The action ${action} has no parameter ${quoted(key)}, only ${names.join(", ")}`)
    }
    given.set(key, word.slice(at + 1))
  }
  return given
}

function yesOrNo(given: ReadonlyMap<string, string>, name: string, fallback: boolean): boolean {
  const value = given.get(name)
  if (value === undefined) return fallback
  if (value !== "yes" && value !== "no") fail(`${name}= is yes or no, found ${quoted(value)}`)
  return value === "yes"
}

function redirect(given: ReadonlyMap<string, string>, name: string): Token | undefined {
  const value = given.get(name)
  return value === undefined ? undefined : token(value, "redirect")
}

const NO_EXTENSIONS: RuleExtensions = Object.freeze({
  argumentGlob: undefined,
  expiresMs: undefined,
  once: false,
})

function parseExtensions(given: ReadonlyMap<string, string>, served: Served): RuleExtensions {
  const argumentGlob = given.get("arg~")
  const expires = given.get("expires")
  const once = given.has("once")
  if (argumentGlob === undefined && expires === undefined && !once) return NO_EXTENSIONS
  if (argumentGlob !== undefined) {
    if (served.service === undefined || served.argument !== undefined) {
      fail('arg~= needs a named service, and "*" as its argument')
    }
    const problem = findGlobProblem(argumentGlob, POLICY_LIMITS.globCharacters)
    if (problem !== undefined) fail(problem)
  }
  const expiresMs = expires === undefined ? undefined : parseExpiry(expires)
  if (expires !== undefined && expiresMs === undefined) {
    fail(
      `expires= is a day such as 2027-01-31, or a time such as 2027-01-31T18:00Z, found ${quoted(expires)}`,
    )
  }
  return { argumentGlob, expiresMs, once }
}
