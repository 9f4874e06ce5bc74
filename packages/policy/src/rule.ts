import type { Token } from "./token.ts"

interface Served {
  /** `target=`: where the call goes instead. */
  readonly redirect: Token | undefined
  /** `user=`: who runs the service there. */
  readonly user: string | undefined
  /** May the target be started for the call? */
  readonly autostart: boolean
}

export type Action =
  | ({ readonly kind: "allow" } & Served)
  | ({ readonly kind: "ask"; readonly defaultTarget: Token | undefined } & Served)
  | { readonly kind: "deny" }

/** One line of a policy. */
export interface Rule {
  /** Its place in the policy, from 0: the first rule that matches decides. */
  readonly index: number
  readonly file: string
  /** From 1; undefined: implied by `!compat-4.0`. */
  readonly line: number | undefined
  /** As it was written, without space around it. */
  readonly text: string
  /** undefined: any. */
  readonly service: string | undefined
  /** With its "+"; undefined: any. */
  readonly argument: string | undefined
  readonly source: Token
  readonly target: Token
  readonly action: Action
  readonly notify: boolean
  readonly extensions: RuleExtensions
}

/** What the reference does not have, and refuses. */
export interface RuleExtensions {
  /** `arg~=`: the argument, without its "+", must fit. */
  readonly argumentGlob: string | undefined
  /** `expires=`: since 1970; from then on the rule does not count. */
  readonly expiresMs: number | undefined
  /** `once`: it does not count after it has let one call through. */
  readonly once: boolean
}

/** May the rule count at one time and not at another, or for some arguments only? */
export const isConditional = ({ extensions }: Rule): boolean =>
  extensions.once || extensions.expiresMs !== undefined || extensions.argumentGlob !== undefined

/** The same as long as the rule stands in its file as it is, wherever in it. */
export const ruleKey = ({ file, text }: Rule): string => `${file}\n${text}`

/** FILE:LINE, for people. */
export const ruleShown = ({ file, line }: Rule): string => (line === undefined ? file : `${file}:${line}`)
