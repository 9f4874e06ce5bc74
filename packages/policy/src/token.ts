import { quoted } from "@skerry/model"

/** Where a token stands: not every token may stand everywhere. */
export type TokenContext = "any" | "source" | "target" | "redirect" | "requested"

/** A word for one domain or for many, as a rule or a request has it. `text` is as it was written. */
export type Token =
  /** A domain's name, also `dom0`, or `uuid:…`. */
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "admin"; readonly text: string }
  /** `*`: everything, the host too. */
  | { readonly kind: "everything"; readonly text: string }
  /** `@anyvm`: everything but the host. */
  | { readonly kind: "any-domain"; readonly text: string }
  | { readonly kind: "default"; readonly text: string }
  /** `@dispvm`: a disposable, of what the caller has as its default. */
  | { readonly kind: "disposable"; readonly text: string }
  /** `@dispvm:NAME`. */
  | { readonly kind: "disposable-of"; readonly text: string; readonly value: string }
  /** `@dispvm:@tag:TAG`. */
  | { readonly kind: "disposable-tag"; readonly text: string; readonly value: string }
  | { readonly kind: "tag"; readonly text: string; readonly value: string }
  | { readonly kind: "type"; readonly text: string; readonly value: string }

export type TokenKind = Token["kind"]

const EXACT: Readonly<Record<string, "admin" | "everything" | "any-domain" | "default" | "disposable">> = {
  "@adminvm": "admin",
  "*": "everything",
  "@anyvm": "any-domain",
  "@default": "default",
  "@dispvm": "disposable",
}

/** The longer one first. */
const PREFIXES = [
  ["@dispvm:@tag:", "disposable-tag"],
  ["@dispvm:", "disposable-of"],
  ["@tag:", "tag"],
  ["@type:", "type"],
] as const

const IN_RULES: readonly TokenKind[] = [
  "admin",
  "everything",
  "any-domain",
  "disposable-of",
  "disposable-tag",
  "tag",
  "type",
]
const ALLOWED: Readonly<Record<TokenContext, ReadonlySet<TokenKind>>> = {
  any: new Set<TokenKind>([...IN_RULES, "default", "disposable"]),
  source: new Set<TokenKind>(IN_RULES),
  target: new Set<TokenKind>([...IN_RULES, "default", "disposable"]),
  redirect: new Set<TokenKind>(["admin", "disposable", "disposable-of"]),
  requested: new Set<TokenKind>(["admin", "default", "disposable", "disposable-of"]),
}

const PLACE: Readonly<Record<TokenContext, string>> = {
  any: "as a token",
  source: "as a source",
  target: "as a target",
  redirect: "for target= and default_target=",
  requested: "as the target of a call",
}

/** Why a word is no token there. */
export interface TokenProblem {
  readonly kind: "problem"
  readonly message: string
}

/** Names are not checked: what they name may come and go. */
export function parseToken(text: string, context: TokenContext): Token | TokenProblem {
  if (text === "") return { kind: "problem", message: `Nothing cannot be used ${PLACE[context]}` }
  if (text !== "*" && !text.startsWith("@")) return { kind: "name", text }
  const exact = Object.hasOwn(EXACT, text) ? EXACT[text] : undefined
  if (exact !== undefined && ALLOWED[context].has(exact)) return { kind: exact, text }
  for (const [prefix, kind] of PREFIXES) {
    if (!ALLOWED[context].has(kind) || !text.startsWith(prefix)) continue
    const value = text.slice(prefix.length)
    if (value === "") return { kind: "problem", message: `${quoted(text)} names nothing after the ":"` }
    if (!value.startsWith("@")) return { kind, text, value }
  }
  return { kind: "problem", message: `${quoted(text)} cannot be used ${PLACE[context]}` }
}

export const ADMIN_NAME = "dom0"
const ADMIN_UUID = "uuid:00000000-0000-0000-0000-000000000000"

/** Is this one of the host's names? */
export const isAdminText = (text: string): boolean =>
  text === ADMIN_NAME || text === "@adminvm" || text === ADMIN_UUID
