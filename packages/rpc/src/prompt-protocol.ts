import { bool, checked, type Decoded, listOf, nothing, struct, text, u32, union } from "@skerry/wire"
import { CALL_LIMITS } from "./call-protocol.ts"
import { method } from "./method.ts"

/*
 * Questions to the person at the host, and what became of their answers: entries 20 to 22 of ADMIN. A prompter (a
 * terminal, later a web page or a window) calls `prompter` and stays in that call; docs/prompts.md says the rest.
 */

export const PROMPT_LIMITS = {
  /** Bytes of a service's argument in a question: one that cannot be shown whole is not asked about, but refused. */
  argumentBytes: 1024,
  serviceBytes: 256,
  /** Targets to choose from. */
  targets: 512,
  /** Bytes of the rule that decided: a path and a line. */
  ruleBytes: 1024,
  /** Bytes of a confirmation's title: one line. */
  titleBytes: 256,
  /** Bytes of the word for what a keeper is asked to do ("sign"): answers are remembered for it. */
  operationBytes: 64,
  details: 16,
  labelBytes: 48,
  /** Bytes of one detail, and of all together: a person reads them, and they fit one frame. */
  detailBytes: 8 * 1024,
  detailsBytes: 24 * 1024,
  /** Bytes of a prompter's name for itself. */
  prompterBytes: 64,
  /** The longest that an answer is remembered for by time: a year. */
  rememberSeconds: 366 * 86_400,
  /** A prompter must have shown a question for so long before it can be allowed: nothing is allowed by a key already on its way. */
  focusMs: 1000,
} as const

const name = text({ max: CALL_LIMITS.nameBytes })
const target = text({ max: CALL_LIMITS.targetBytes })
const serviceText = text({ max: PROMPT_LIMITS.serviceBytes })

const CallQuestion = struct({
  /** The calling domain, as the policy names it. */
  source: name,
  service: serviceText,
  /** Without the "+". */
  argument: text({ max: PROMPT_LIMITS.argumentBytes }),
  /** What the policy leaves to choose from; not empty. */
  targets: listOf(target, { max: PROMPT_LIMITS.targets }),
  /** One of `targets`, from the policy alone. */
  defaultTarget: text({ max: CALL_LIMITS.targetBytes }), // empty: none
  /** The caller's wish as the policy read it (an unknown name is "@default"): shown as a wish, never preselected. */
  requestedTarget: target,
  /** File and line of the rule that says "ask". */
  rule: text({ max: PROMPT_LIMITS.ruleBytes }),
})

export const Detail = struct({
  label: text({ max: PROMPT_LIMITS.labelBytes }),
  text: text({ max: PROMPT_LIMITS.detailBytes }),
})
export type Detail = Decoded<typeof Detail>

const ConfirmQuestion = struct({
  /** Who wants it done: the domain whose call the keeper serves. */
  source: name,
  /** Who asks whether to do it (`vault`). All below are its words. */
  keeper: name,
  service: serviceText,
  /** What kind of thing it is: answers are remembered for it. */
  operation: text({ max: PROMPT_LIMITS.operationBytes }),
  title: text({ max: PROMPT_LIMITS.titleBytes }),
  details: listOf(Detail, { max: PROMPT_LIMITS.details }),
  /** False: "once" is the only scope of an allowing answer. */
  rememberable: bool,
})

/** Every text but the host's own (rule) may be a guest's: show it by `plainly` of model/ only. */
export const Question = union({ call: CallQuestion, confirm: ConfirmQuestion })
export type Question = Decoded<typeof Question>
export type CallQuestion = Extract<Question, { kind: "call" }>
export type ConfirmQuestion = Extract<Question, { kind: "confirm" }>

const seconds = checked(
  u32,
  (value) => value >= 1 && value <= PROMPT_LIMITS.rememberSeconds,
  "A time to remember an answer",
)

/** How long an answer is good for. */
export const AllowScope = union({
  once: nothing,
  /** Until the source's domain ends. */
  domain: nothing,
  for: struct({ seconds }),
})
export type AllowScope = Decoded<typeof AllowScope>

export const DenyScope = union({
  once: nothing,
  domain: nothing,
  for: struct({ seconds }),
  /** Until it is revoked. */
  never: nothing,
})
export type DenyScope = Decoded<typeof DenyScope>

/** As a prompter gives it. `target` is one of the question's; of a confirmation it is the keeper. */
export const GivenAnswer = union({
  allow: struct({ target, scope: AllowScope }),
  deny: struct({ scope: DenyScope }),
})
export type GivenAnswer = Decoded<typeof GivenAnswer>

export const PrompterUp = union({
  /** This question is what the person looks at, from now on; no other one is. */
  focused: struct({ id: u32 }),
  /** None is: another window has the keyboard. */
  unfocused: nothing,
  answer: struct({ id: u32, answer: GivenAnswer }),
})
export type PrompterUp = Decoded<typeof PrompterUp>

export const PrompterDown = union({
  /** A question to show; `position` is its place in the fair order of those that wait, from 0. */
  ask: struct({ id: u32, position: u32, remainingMs: u32, question: Question }),
  /** It is over, and why: answered elsewhere, given up, or its time has passed. Empty: by your own answer. */
  vanish: struct({ id: u32, why: text({ max: 128 }) }),
  /** The answer was not taken, and the question still stands. */
  refused: struct({ id: u32, why: text({ max: 128 }) }),
})
export type PrompterDown = Decoded<typeof PrompterDown>

export const PROMPT_METHODS = {
  /** Takes part in answering until it is cancelled. `name` says who it is, for the audit log. */
  prompter: method({
    id: 20,
    name: "prompter",
    params: struct({ name: text({ max: PROMPT_LIMITS.prompterBytes }) }),
    result: nothing,
    up: PrompterUp,
    down: PrompterDown,
  }),
  /** Lines of GrantRow on stdout. */
  grants: method({ id: 21, name: "grants", params: nothing, result: nothing, up: nothing, down: nothing }),
  /** Forgets remembered answers: these, or where the list is empty all; how many there were. */
  revokeGrants: method({
    id: 22,
    name: "revokeGrants",
    params: struct({ ids: listOf(u32, { max: 1024 }) }),
    result: struct({ revoked: u32 }),
    up: nothing,
    down: nothing,
  }),
} as const

/** One remembered answer. */
export interface GrantRow {
  readonly id: number
  readonly kind: "call" | "confirm"
  readonly verdict: "allow" | "deny"
  readonly source: string
  readonly service: string
  /** Of a call, without the "+"; of a confirmation its operation. */
  readonly argument: string
  /** Of a call what was asked for; of a confirmation the keeper. */
  readonly requestedTarget: string
  /** Where an allowed call goes. */
  readonly target: string
  readonly scope: "domain" | "until" | "never"
  /** Milliseconds since 1970, where the scope is "until". */
  readonly until: number | undefined
  readonly answeredAt: number
  readonly answeredBy: string
}
