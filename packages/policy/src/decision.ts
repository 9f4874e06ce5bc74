import type { Rule } from "./rule.ts"

/** What policy says to a call; every decision but an error's names the rule that made it, where there is one. */
export type Decision =
  | {
      readonly kind: "allow"
      /** `work`, `dom0`, `@dispvm:NAME`, or `uuid:…` where the rule or the caller named it so. */
      readonly target: string
      /** undefined: the service's own, or the domain's user. */
      readonly user: string | undefined
      readonly notify: boolean
      readonly autostart: boolean
      readonly rule: Rule
    }
  | {
      readonly kind: "ask"
      /** Sorted; never empty. */
      readonly targets: readonly string[]
      readonly defaultTarget: string | undefined
      readonly user: string | undefined
      readonly notify: boolean
      readonly autostart: boolean
      readonly rule: Rule
    }
  | {
      readonly kind: "deny"
      readonly notify: boolean
      readonly reason: string
      readonly rule: Rule | undefined
    }
  /** "syntax": the target that was asked for is none; "request": the request makes no sense. */
  | { readonly kind: "error"; readonly code: "syntax" | "request"; readonly reason: string }

export type Allow = Extract<Decision, { kind: "allow" }>
export type Ask = Extract<Decision, { kind: "ask" }>
export type Deny = Extract<Decision, { kind: "deny" }>

export const deny = (reason: string, notify: boolean, rule?: Rule): Deny => ({
  kind: "deny",
  notify,
  reason,
  rule,
})
