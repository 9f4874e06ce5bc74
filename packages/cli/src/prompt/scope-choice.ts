import type { AllowScope, DenyScope, Question } from "@skerry/rpc"

export interface ScopeChoice {
  readonly words: (source: string) => string
  readonly scope: AllowScope & DenyScope
}

const SCOPES: readonly [ScopeChoice, ...ScopeChoice[]] = [
  { words: () => "once", scope: { kind: "once" } },
  { words: (source) => `while ${source} runs`, scope: { kind: "domain" } },
  { words: () => "15 minutes", scope: { kind: "for", seconds: 900 } },
  { words: () => "1 hour", scope: { kind: "for", seconds: 3600 } },
  { words: () => "8 hours", scope: { kind: "for", seconds: 8 * 3600 } },
]

export const scopeOf = ({ scope }: { readonly scope: number }): ScopeChoice => SCOPES[scope] ?? SCOPES[0]

/** Scopes that an answer to this question may have. */
export const scopesFor = ({ question }: { readonly question: Question }): readonly ScopeChoice[] =>
  question.kind === "confirm" && !question.rememberable ? SCOPES.slice(0, 1) : SCOPES
