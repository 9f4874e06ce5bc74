import type { Question } from "@skerry/rpc"

export type { Question }

/** How long an answer is good for; `until` is in milliseconds since 1970. */
export type Scope =
  | { readonly kind: "once" }
  /** Until the source's domain ends. */
  | { readonly kind: "domain" }
  | { readonly kind: "until"; readonly until: number }

/** Why nothing was allowed. */
export type DenyWhy =
  | "user" // a person said so
  | "no-prompter" // nobody was there to ask
  | "timeout" // nobody answered in time
  | "gone" // the last prompter went away
  | "too-many" // too many questions of this source, or of all, wait already
  | "unshowable" // it cannot be shown whole
  | "ending" // the daemon is on its way to its end

export type Answer =
  | {
      readonly kind: "allow"
      /** One of the question's targets; of a confirmation the keeper. */
      readonly target: string
      readonly scope: Scope
      readonly by: string
    }
  | {
      readonly kind: "deny"
      /** "never": until it is revoked. */
      readonly scope: Scope | { readonly kind: "never" }
      readonly why: DenyWhy
      /** Empty where nobody answered. */
      readonly by: string
    }
