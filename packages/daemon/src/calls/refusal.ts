import type { Rule } from "@skerry/policy"
import type { ServiceCallErrorCode } from "@skerry/rpc"

/** Why a call ends without its service having run: `code` goes to the caller, `why` into the audit log. */
export interface Refusal {
  readonly code: ServiceCallErrorCode
  /** For the caller, who may be hostile: says nothing of rules and of other domains. */
  readonly message: string
  readonly why: string
  /** False: the audit log hears of it together with others. */
  readonly isRecorded?: boolean
}

export const refused = (why: string): Refusal => ({ code: "refused", message: "The call was refused", why })

export const undecided = (why: string): Refusal => ({
  code: "unavailable",
  message: "The call could not be decided",
  why,
})

export const shown = ({ file, line }: Rule): string => (line === undefined ? file : `${file}:${line}`)
export const ruleOf = (rule: Rule | undefined) => (rule === undefined ? {} : { rule: shown(rule) })
