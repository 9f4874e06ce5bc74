import { CONFIGURATION_FILE, type Policy, type Rule, ruleKey } from "@skerry/policy"
import { type Access, named } from "./access.ts"

type Token = Rule["source"]

/**
 * Each rule as a sentence, but for those that grants are made into. What rules come to is told by `allowedCalls`; a rule by itself is told where it is new or gone, and
 * where it counts for some arguments or for a time only, which no question that is asked in advance would find.
 */
export function ruleAccesses({ rules }: Policy): Access[] {
  return rules
    .filter(({ file }) => file !== CONFIGURATION_FILE)
    .map((rule) => ({
      subject: { kind: "policy", name: "" },
      topic: `rule ${ruleKey(rule)}`,
      weight: isConditional(rule) && rule.action.kind !== "deny" ? "access" : "detail",
      sentence: `${ruleWords(rule)} (${named(rule.file)})`,
    }))
}

const isConditional = ({ extensions }: Rule) =>
  extensions.once || extensions.expiresMs !== undefined || extensions.argumentGlob !== undefined

export function ruleWords(rule: Rule): string {
  const { service, argument, source, target, action } = rule
  const what = service === undefined ? "any service" : named(`${service}${argument ?? ""}`)
  const verb = action.kind === "deny" ? "may not call" : "may call"
  return `${sourceWords(source)} ${verb} ${what} ${placeWords(target)}${conditions(rule)}`
}

function conditions({ action, extensions }: Rule): string {
  const words: string[] = []
  if (action.kind !== "deny") {
    if (action.redirect !== undefined) words.push(`which goes to ${targetWords(action.redirect)}`)
    if (action.user !== undefined) words.push(`as the user ${named(action.user)}`)
    words.push(action.kind === "ask" ? "if you agree each time" : "without asking you")
  }
  const { argumentGlob, expiresMs, once } = extensions
  if (argumentGlob !== undefined) words.push(`where the argument fits ${named(argumentGlob)}`)
  if (expiresMs !== undefined) words.push(`until ${new Date(expiresMs).toISOString().slice(0, 16)} UTC`)
  if (once) words.push("one time")
  return words.map((word) => `, ${word}`).join("")
}

const DISPOSABLES_TAG = "disposable-of-"

function sourceWords(token: Token): string {
  if (token.kind === "tag" && token.value.startsWith(DISPOSABLES_TAG)) {
    return `disposables of ${named(token.value.slice(DISPOSABLES_TAG.length))}`
  }
  return targetWords(token)
}

const placeWords = (token: Token) => {
  const words = targetWords(token)
  return words === HOST ? `on ${HOST}` : `in ${words}`
}

const HOST = "this machine"

function targetWords(token: Token): string {
  switch (token.kind) {
    case "admin":
      return HOST
    case "everything":
      return `anything, ${HOST} too`
    case "any-domain":
      return "any instance"
    case "default":
      return "what is meant where no target is named"
    case "disposable":
      return "a disposable"
    case "disposable-of":
      return `a disposable of ${named(token.value)}`
    case "disposable-tag":
      return `a disposable of what has the tag ${named(token.value)}`
    case "tag":
      return `what has the tag ${named(token.value)}`
    case "type":
      return `what is of type ${named(token.value)}`
    default:
      return token.text === "dom0" ? HOST : named(token.text)
  }
}
