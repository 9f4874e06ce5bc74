import { unreachable } from "@skerry/model"
import { type GivenAnswer, PROMPT_LIMITS, type Question } from "@skerry/rpc"
import type { DenyWhy } from "./answer.ts"
import { fairOrder } from "./fair-order.ts"
import { PROMPTS } from "./limits.ts"

/*
 * Which question is shown where, and whose answer counts: pure. A question
 *
 *   waiting ──answered──▶ settled   the first answer that may count wins; the others see it vanish
 *   waiting ──expired, given up, last prompter gone, crowded out──▶ settled
 *
 * Every prompter has all of them. At each one question may have the focus since some time: only that one can be
 * allowed there, and only once it had it for PROMPT_LIMITS.focusMs.
 * Times are milliseconds of a clock that never goes back.
 */

export interface Waiting {
  readonly id: number
  readonly question: Question
  readonly expiresAt: number
}

export interface Seat {
  readonly prompter: number
  readonly focus: { readonly id: number; readonly since: number } | undefined
}

export interface QueueState {
  /** Oldest first. */
  readonly waiting: readonly Waiting[]
  readonly seats: readonly Seat[]
  /** What people refused lately. */
  readonly denied: readonly { readonly source: string; readonly at: number }[]
}

export type QueueEvent =
  | { kind: "asked"; id: number; question: Question; expiresAt: number; now: number }
  | { kind: "gaveUp"; id: number }
  | { kind: "came"; prompter: number; now: number }
  | { kind: "left"; prompter: number }
  | { kind: "focused"; prompter: number; id: number; now: number }
  | { kind: "unfocused"; prompter: number; now: number }
  | { kind: "answer"; prompter: number; id: number; answer: GivenAnswer; now: number }
  /** Time has passed. */
  | { kind: "expired"; now: number }
  | { kind: "ending" }

export type QueueEffect =
  | { kind: "ask"; prompter: number; id: number; position: number; remainingMs: number; question: Question }
  | { kind: "vanish"; prompter: number; id: number; why: string }
  | { kind: "refused"; prompter: number; id: number; why: string }
  | { kind: "answer"; id: number; prompter: number; answer: GivenAnswer }
  | { kind: "refuse"; id: number; why: DenyWhy }
  /** For the log: something that should not have come. */
  | { kind: "notice"; text: string }

export interface QueueStep {
  readonly state: QueueState
  readonly effects: readonly QueueEffect[]
}

export const EMPTY_QUEUE: QueueState = { waiting: [], seats: [], denied: [] }

export function stepQueue(state: QueueState, event: QueueEvent): QueueStep {
  switch (event.kind) {
    case "asked":
      return onAsked(state, event)
    case "gaveUp":
      return without(state, [event.id], "the caller gave up")
    case "came":
      return onCame(state, event.prompter, event.now)
    case "left":
      return onLeft(state, event.prompter)
    case "focused":
      return onFocused(state, event)
    case "unfocused":
      return { state: withSeat(state, event.prompter, { focus: undefined }), effects: [] }
    case "answer":
      return onAnswered(state, event)
    case "expired": {
      const over = state.waiting.filter(({ expiresAt }) => expiresAt <= event.now).map(({ id }) => id)
      return settle(state, over, "timeout", "nobody answered in time")
    }
    case "ending":
      return settle(
        state,
        state.waiting.map(({ id }) => id),
        "ending",
        "the daemon is ending",
      )
    default:
      return unreachable(event)
  }
}

/**
 * Whose share of the questions this one takes. A keeper's own, for each caller that it asks about: neither may a keeper
 * silence its callers, nor one caller the keeper for all others.
 */
const sharerOf = (question: Question): string =>
  question.kind === "call" ? question.source : `${question.keeper} for ${question.source}`

function onAsked(state: QueueState, event: Extract<QueueEvent, { kind: "asked" }>): QueueStep {
  const { id, question } = event
  const refused = (why: DenyWhy): QueueStep => ({ state, effects: [{ kind: "refuse", id, why }] })
  if (state.seats.length === 0) return refused("no-prompter")
  if (deniedLately(state, sharerOf(question), event.now) >= PROMPTS.denials) return refused("too-many")
  const count = (source: string) => state.waiting.filter((each) => sharerOf(each.question) === source).length
  const own = count(sharerOf(question))
  if (own >= PROMPTS.perSource) return refused("too-many")
  if (state.waiting.length < PROMPTS.inAll) return add(state, event)
  // Somebody must go: the newest of the source that has most, unless that would be this one.
  const crowd = state.waiting.reduce((most, each) =>
    count(sharerOf(each.question)) >= count(sharerOf(most.question)) ? each : most,
  )
  if (count(sharerOf(crowd.question)) <= own + 1) return refused("too-many")
  const left = settle(state, [crowd.id], "too-many", "its source asks too much")
  const added = add(left.state, event)
  return { state: added.state, effects: [...left.effects, ...added.effects] }
}

function add(state: QueueState, event: Extract<QueueEvent, { kind: "asked" }>): QueueStep {
  const { id, question, expiresAt, now } = event
  const waiting = [...state.waiting, { id, question, expiresAt }]
  const position = inOrder(waiting).findIndex((each) => each.id === id)
  const remainingMs = remaining(expiresAt, now)
  const effects = state.seats.map(
    ({ prompter }) => ({ kind: "ask", prompter, id, position, remainingMs, question }) as const,
  )
  return { state: { ...state, waiting }, effects }
}

function onCame(state: QueueState, prompter: number, now: number): QueueStep {
  const effects = inOrder(state.waiting).map(
    ({ id, question, expiresAt }, position) =>
      ({ kind: "ask", prompter, id, position, remainingMs: remaining(expiresAt, now), question }) as const,
  )
  return { state: { ...state, seats: [...state.seats, { prompter, focus: undefined }] }, effects }
}

const inOrder = (waiting: readonly Waiting[]) => fairOrder(waiting, ({ question }) => sharerOf(question))
const remaining = (expiresAt: number, now: number) => Math.max(0, Math.round(expiresAt - now))

function onLeft(state: QueueState, prompter: number): QueueStep {
  const seats = state.seats.filter((seat) => seat.prompter !== prompter)
  if (seats.length > 0) return { state: { ...state, seats }, effects: [] }
  const effects = state.waiting.map(({ id }) => ({ kind: "refuse", id, why: "gone" }) as const)
  return { state: { ...EMPTY_QUEUE, denied: state.denied }, effects }
}

function onFocused(state: QueueState, event: Extract<QueueEvent, { kind: "focused" }>): QueueStep {
  const { prompter, id, now } = event
  const seat = state.seats.find((each) => each.prompter === prompter)
  // It may have vanished while the event was on its way.
  if (!state.waiting.some((each) => each.id === id) || seat?.focus?.id === id) return { state, effects: [] }
  return { state: withSeat(state, prompter, { focus: { id, since: now } }), effects: [] }
}

function onAnswered(state: QueueState, event: Extract<QueueEvent, { kind: "answer" }>): QueueStep {
  const { prompter, id, answer, now } = event
  const seat = state.seats.find((each) => each.prompter === prompter)
  const waiting = state.waiting.find((each) => each.id === id)
  if (seat === undefined || waiting === undefined) {
    const text = `prompter ${prompter} answered question ${id}, which ${seat === undefined ? "it may not: it has gone" : "does not stand"}`
    return { state, effects: [{ kind: "notice", text }] }
  }
  const why = answer.kind === "allow" ? whyNot(waiting.question, answer, seat, id, now) : undefined
  if (why !== undefined) {
    return { state, effects: [{ kind: "refused", prompter, id, why }] }
  }
  const rest = without(state, [id], "it was answered elsewhere", prompter)
  const denied = answer.kind === "deny" ? withDenial(state, sharerOf(waiting.question), now) : state.denied
  return {
    state: { ...rest.state, denied },
    effects: [{ kind: "answer", id, prompter, answer }, ...rest.effects],
  }
}

const deniedLately = ({ denied }: QueueState, source: string, now: number) =>
  denied.filter((each) => each.source === source && now - each.at < PROMPTS.quietMs).length

const withDenial = ({ denied }: QueueState, source: string, now: number) => [
  ...denied.filter(({ at }) => now - at < PROMPTS.quietMs),
  { source, at: now },
]

function whyNot(
  question: Question,
  { target, scope }: Extract<GivenAnswer, { kind: "allow" }>,
  { focus }: Seat,
  id: number,
  now: number,
): string | undefined {
  if (focus?.id !== id || now - focus.since < PROMPT_LIMITS.focusMs) {
    return "It was not shown for a second yet: read it, then answer again"
  }
  switch (question.kind) {
    case "call":
      return question.targets.includes(target) ? undefined : "The policy does not offer this target"
    case "confirm":
      if (target !== question.keeper) return "A confirmation has no other target than its keeper"
      if (scope.kind !== "once" && !question.rememberable) return "This can be allowed once only"
      return undefined
    default:
      return unreachable(question)
  }
}

function withSeat(state: QueueState, prompter: number, change: Partial<Seat>): QueueState {
  const seats = state.seats.map((seat) => (seat.prompter === prompter ? { ...seat, ...change } : seat))
  return { ...state, seats }
}

function settle(state: QueueState, ids: readonly number[], why: DenyWhy, words: string): QueueStep {
  const rest = without(state, ids, words)
  const refusals = ids.map((id) => ({ kind: "refuse", id, why }) as const)
  return { state: rest.state, effects: [...refusals, ...rest.effects] }
}

/** Takes questions out: they vanish at every prompter. The one that answered is told no reason: it knows. */
function without(state: QueueState, ids: readonly number[], why: string, answeredBy?: number): QueueStep {
  const waiting = state.waiting.filter(({ id }) => !ids.includes(id))
  const effects = state.seats.flatMap(({ prompter }) =>
    ids.map((id) => ({ kind: "vanish", prompter, id, why: prompter === answeredBy ? "" : why }) as const),
  )
  const seats = state.seats.map((seat) =>
    seat.focus !== undefined && ids.includes(seat.focus.id) ? { ...seat, focus: undefined } : seat,
  )
  return { state: { ...state, waiting, seats }, effects }
}
