import { nearMatch, quoted } from "@skerry/model"
import type { Moment } from "./evaluate.ts"
import type { Policy } from "./load.ts"
import { disposableTag } from "./of-configuration.ts"
import { isConditional, type Rule, ruleShown } from "./rule.ts"
import type { SystemView } from "./system-view.ts"
import { isAdminText, type Token } from "./token.ts"

export interface LintFinding {
  readonly file: string
  /** 0: the file as a whole. */
  readonly line: number
  readonly kind: "dead-rule" | "unknown-name" | "unknown-tag" | "no-disposables" | "expired" | "unread-file"
  readonly message: string
}

/** Comparisons of rules with each other: a policy of thousands of rules about one service is looked at in part. */
const MOST_COMPARISONS = 2_000_000

/**
 * What a policy that can be used is probably not meant to say. `system`: the domains that there are, where they are
 * known; else names are not looked at.
 */
export function lint(
  policy: Policy,
  files: ReadonlyMap<string, string>,
  system: SystemView | undefined,
  { nowMs }: Moment = {},
): readonly LintFinding[] {
  return [
    ...deadRules(policy.rules),
    ...(system === undefined ? [] : unknownWords(policy.rules, system)),
    ...(nowMs === undefined ? [] : policy.rules.flatMap((rule) => expired(rule, nowMs))),
    ...unreadFiles(policy, files),
  ].sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
}

const finding = ({ file, line }: Rule, kind: LintFinding["kind"], message: string): LintFinding => ({
  file,
  line: line ?? 0,
  kind,
  message,
})

function deadRules(rules: readonly Rule[]): LintFinding[] {
  const found: LintFinding[] = []
  const byService = new Map<string | undefined, Rule[]>()
  let comparisons = 0
  for (const rule of rules) {
    const own = byService.get(rule.service) ?? []
    const before = rule.service === undefined ? own : [...(byService.get(undefined) ?? []), ...own]
    comparisons += before.length
    if (comparisons > MOST_COMPARISONS) break
    const cover = before.find((each) => covers(each, rule))
    if (cover !== undefined && rule.line !== undefined) {
      const message = `It never decides: ${ruleShown(cover)} matches all that it matches, and comes first`
      found.push(finding(rule, "dead-rule", message))
    }
    own.push(rule)
    byService.set(rule.service, own)
  }
  return found
}

const covers = (earlier: Rule, later: Rule): boolean =>
  !isConditional(earlier) &&
  (earlier.argument === undefined || earlier.argument === later.argument) &&
  tokenCovers(earlier.source, later.source) &&
  tokenCovers(earlier.target, later.target)

/** Whatever domains there are, now and later. */
function tokenCovers(wide: Token, narrow: Token): boolean {
  if (wide.kind === "everything" || wide.text === narrow.text) return true
  if (isAdminText(wide.text) && isAdminText(narrow.text)) return true
  if (wide.kind !== "any-domain") return false
  if (narrow.kind === "name") return !isAdminText(narrow.text)
  return ["default", "disposable", "disposable-of", "disposable-tag"].includes(narrow.kind)
}

function unknownWords(rules: readonly Rule[], system: SystemView): LintFinding[] {
  const names = system.domains.map(({ name }) => name)
  const tags = new Set(system.domains.flatMap((each) => [...each.tags, disposableTag(each.name)]))
  const known: Known = { system, names, tags }
  return rules.flatMap((rule) =>
    tokensOf(rule).flatMap((token) => {
      const found = unknownWord(token, known)
      return found === undefined ? [] : [finding(rule, found.kind, found.message)]
    }),
  )
}

interface Known {
  readonly system: SystemView
  readonly names: readonly string[]
  readonly tags: ReadonlySet<string>
}

type Unknown = Pick<LintFinding, "kind" | "message">

function tokensOf({ source, target, action }: Rule): readonly Token[] {
  const tokens = [source, target]
  if (action.kind !== "deny" && action.redirect !== undefined) tokens.push(action.redirect)
  if (action.kind === "ask" && action.defaultTarget !== undefined) tokens.push(action.defaultTarget)
  return tokens
}

function unknownWord(token: Token, known: Known): Unknown | undefined {
  switch (token.kind) {
    case "name":
      return isAdminText(token.text) ? undefined : unknownName(token.text, known)
    case "disposable-of": {
      const domain = known.system.domain(token.value)
      if (domain === undefined) return unknownName(token.value, known)
      if (domain.templateForDisposables) return undefined
      const message = `${quoted(token.value)} is no template for disposables, so that ${token.text} never is a target`
      return { kind: "no-disposables", message }
    }
    case "tag":
    case "disposable-tag": {
      if (known.tags.has(token.value)) return undefined
      const message = `No instance has the tag ${quoted(token.value)}${hint(token.value, [...known.tags])}`
      return { kind: "unknown-tag", message }
    }
    default:
      return undefined
  }
}

function unknownName(name: string, { system, names }: Known): Unknown | undefined {
  if (system.domain(name) !== undefined) return undefined
  return { kind: "unknown-name", message: `There is no instance ${quoted(name)}${hint(name, names)}` }
}

function hint(found: string, words: readonly string[]): string {
  const near = nearMatch(found, words)
  return near === undefined ? "" : `: did you mean ${near}?`
}

function expired(rule: Rule, nowMs: number): LintFinding[] {
  const { expiresMs } = rule.extensions
  if (expiresMs === undefined || expiresMs > nowMs) return []
  return [finding(rule, "expired", "It has expired, and does not count any more")]
}

function unreadFiles({ loaded }: Policy, files: ReadonlyMap<string, string>): LintFinding[] {
  return [...files.keys()]
    .filter(
      (path) =>
        !loaded.has(path) &&
        !path.startsWith("compat-4.0/") &&
        !path.split("/").some((part) => part.startsWith(".")),
    )
    .map((file) => {
      const why = file.includes("/")
        ? "nothing includes it"
        : "its name does not end in .policy, and nothing includes it"
      return { file, line: 0, kind: "unread-file", message: `It is not read: ${why}` }
    })
}
