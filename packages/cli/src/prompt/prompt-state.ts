import { unreachable } from "@skerry/model"
import { PROMPT_LIMITS, type PrompterDown, type PrompterUp, type Question } from "@skerry/rpc"
import { type BodyLine, bodyOf } from "./body.ts"
import type { Key } from "./keys.ts"
import { isTooSmall, roomFor, type Size, widthOf } from "./layout.ts"
import { scopeOf, scopesFor } from "./scope-choice.ts"

/*
 * The terminal prompter: pure. One of the questions is the current one, and stays it until it is over or the person
 * goes to another: a question that comes never takes the place of one that is being read. `y` counts once the current
 * question was on the screen of a window with the keyboard for a second, all of it was seen, and a target is chosen.
 */

export interface Asked {
  readonly id: number
  readonly question: Question
  readonly expiresAt: number
  /** Index of the chosen target. Never from the caller's wish. */
  readonly choice: number | undefined
  readonly scope: number
  /** Its lines at the window's width. */
  readonly body: readonly BodyLine[]
  /** First line of the body on the screen, and the last one that ever was. */
  readonly top: number
  readonly seenTo: number
}

export interface PromptState {
  /** In the order of the daemon: everybody's first before anybody's second. */
  readonly asked: readonly Asked[]
  readonly current: number | undefined
  /** Terminals that do not tell are taken to have it always. */
  readonly hasKeyboard: boolean
  /** Since when the current question is on the screen of a window with the keyboard. */
  readonly shownSince: number
  readonly size: Size
  /** What happened last, for the status line. */
  readonly message: string
}

export type PromptEvent =
  | { readonly kind: "down"; readonly event: PrompterDown }
  | { readonly kind: "key"; readonly key: Key }
  | { readonly kind: "resize"; readonly size: Size }

/** By its own key, or by the one that interrupts whatever runs in this terminal. */
export type Leaving = "left" | "interrupted"

export type PromptEffect =
  | { readonly kind: "send"; readonly event: PrompterUp }
  /** Something is asked where nothing was. */
  | { readonly kind: "bell" }
  | { readonly kind: "leave"; readonly how: Leaving }

export interface PromptStep {
  readonly state: PromptState
  readonly effects: readonly PromptEffect[]
}

/** A little longer than the daemon insists on: the same second begins there a moment later. */
export const SHOWN_MS = PROMPT_LIMITS.focusMs + 100

export const startPrompt = (size: Size): PromptState => ({
  asked: [],
  current: undefined,
  hasKeyboard: true,
  shownSince: 0,
  size,
  message: "",
})

/** Lines of a body that the window has room for. */
export const roomIn = ({ size, asked }: PromptState): number => roomFor(size, asked.length - 1)

export const currentOf = ({ asked, current }: PromptState): Asked | undefined =>
  asked.find(({ id }) => id === current)

export function stepPrompt(state: PromptState, event: PromptEvent, now: number): PromptStep {
  switch (event.kind) {
    case "down":
      return onDown(state, event.event, now)
    case "key":
      return onKey(state, event.key, now)
    case "resize":
      return { state: resize(state, event.size), effects: [] }
    default:
      return unreachable(event)
  }
}

/** Why `y` would not count now, for people; undefined: it would. */
export function whyNotYet(state: PromptState, now: number): string | undefined {
  const asked = currentOf(state)
  if (asked === undefined) return "nothing is asked"
  if (isTooSmall(state.size)) return "make the window larger"
  if (asked.question.kind === "call" && asked.choice === undefined) return "choose a target first"
  if (asked.question.kind === "confirm" && asked.seenTo < asked.body.length) {
    return "read on to the end first (↓)"
  }
  if (!state.hasKeyboard) return "this window does not have the keyboard"
  return now - state.shownSince < SHOWN_MS ? "read first" : undefined
}

function onDown(state: PromptState, event: PrompterDown, now: number): PromptStep {
  switch (event.kind) {
    case "ask": {
      const { id, question, position, remainingMs } = event
      const preset = question.kind === "call" ? question.targets.indexOf(question.defaultTarget) : -1
      const choice = preset === -1 ? undefined : preset
      const asked = {
        id,
        question,
        expiresAt: now + remainingMs,
        choice,
        scope: 0,
        body: bodyOf({ question, choice }, state.size.columns),
        top: 0,
        seenTo: 0,
      }
      const next = { ...state, asked: state.asked.toSpliced(position, 0, asked) }
      if (state.current !== undefined) return { state: next, effects: [] }
      const first = goTo({ ...next, message: "" }, id, now)
      return { state: first.state, effects: [...first.effects, { kind: "bell" }] }
    }
    case "vanish": {
      const index = state.asked.findIndex(({ id }) => id === event.id)
      if (index === -1) return { state, effects: [] }
      const asked = state.asked.toSpliced(index, 1)
      const isCurrent = state.current === event.id
      const message = event.why === "" || !isCurrent ? state.message : `The question is over: ${event.why}`
      const next = { ...state, asked, message }
      return isCurrent ? goTo(next, (asked[index] ?? asked[0])?.id, now) : { state: next, effects: [] }
    }
    case "refused":
      return { state: { ...state, message: event.why }, effects: [] }
    default:
      return unreachable(event)
  }
}

/** Another question is looked at from now on. */
function goTo(state: PromptState, id: number | undefined, now: number): PromptStep {
  const next = look({ ...state, current: id, shownSince: now })
  return { state: next, effects: id === undefined || !state.hasKeyboard ? [] : focused(id) }
}

const focused = (id: number): PromptEffect[] => [{ kind: "send", event: { kind: "focused", id } }]

function onKey(state: PromptState, key: Key, now: number): PromptStep {
  if (key.kind === "focus") return onFocus(state, key.hasFocus, now)
  const leave = (how: Leaving): PromptStep => ({ state, effects: [{ kind: "leave", how }] })
  if (key.kind === "named" && key.name === "interrupt") return leave("interrupted")
  if (key.kind === "character" && key.character === "q") return leave("left")
  const asked = currentOf(state)
  if (asked === undefined) return { state, effects: [] }
  const still = (next: PromptState): PromptStep => ({ state: next, effects: [] })
  if (key.kind === "named") {
    switch (key.name) {
      case "up":
        return still(moveBy(state, asked, -1))
      case "down":
        return still(moveBy(state, asked, 1))
      case "pageUp":
        return still(scrollBy(state, asked, 1 - roomIn(state)))
      case "pageDown":
        return still(scrollBy(state, asked, roomIn(state) - 1))
      case "left":
        return goBeside(state, -1, now)
      case "right":
        return goBeside(state, 1, now)
      case "tab":
        return still(withScope(state, asked, 1))
      case "backTab":
        return still(withScope(state, asked, -1))
      case "interrupt":
        return still(state)
      default:
        return unreachable(key.name)
    }
  }
  if (/^[1-9]$/.test(key.character)) return still(choose(state, asked, Number(key.character) - 1))
  if (key.character === " ") return still(scrollBy(state, asked, roomIn(state) - 1))
  if (key.character === "y") return allow(state, asked, now)
  if (key.character === "n")
    return answer(state, asked, { kind: "deny", scope: scopeOf(asked).scope }, "Refused")
  if (key.character === "N")
    return answer(state, asked, { kind: "deny", scope: { kind: "never" } }, "Refused for ever")
  return still(state)
}

function onFocus(state: PromptState, hasKeyboard: boolean, now: number): PromptStep {
  if (hasKeyboard === state.hasKeyboard) return { state, effects: [] }
  const next = { ...state, hasKeyboard, shownSince: now }
  if (!hasKeyboard) return { state: next, effects: [{ kind: "send", event: { kind: "unfocused" } }] }
  return { state: next, effects: state.current === undefined ? [] : focused(state.current) }
}

function allow(state: PromptState, asked: Asked, now: number): PromptStep {
  // The hint says why not.
  if (whyNotYet(state, now) !== undefined) return { state: { ...state, message: "" }, effects: [] }
  const { question, choice } = asked
  const target = question.kind === "call" ? question.targets[choice ?? -1] : question.keeper
  if (target === undefined) return { state, effects: [] }
  return answer(state, asked, { kind: "allow", target, scope: scopeOf(asked).scope }, "Allowed")
}

/** The daemon takes the question away if it takes the answer. */
function answer(
  state: PromptState,
  { id, question }: Asked,
  given: Extract<PrompterUp, { kind: "answer" }>["answer"],
  word: string,
): PromptStep {
  const what = question.kind === "call" ? question.service : question.operation
  const where = given.kind === "allow" && question.kind === "call" ? ` to ${given.target}` : ""
  return {
    state: { ...state, message: `${word}: ${what} for ${question.source}${where}` },
    effects: [{ kind: "send", event: { kind: "answer", id, answer: given } }],
  }
}

const change = (state: PromptState, asked: Asked, more: Partial<Asked>): PromptState =>
  look({
    ...state,
    message: "",
    asked: state.asked.map((each) => (each.id === asked.id ? { ...each, ...more } : each)),
  })

function moveBy(state: PromptState, asked: Asked, step: number): PromptState {
  if (asked.question.kind === "confirm") return scrollBy(state, asked, step)
  const last = asked.question.targets.length - 1
  const from = asked.choice ?? (step > 0 ? -1 : last + 1)
  return choose(state, asked, Math.min(last, Math.max(0, from + step)))
}

function choose(state: PromptState, asked: Asked, choice: number): PromptState {
  if (asked.question.kind !== "call" || choice >= asked.question.targets.length) return state
  const body = bodyOf({ ...asked, choice }, state.size.columns)
  // What is chosen must be in sight.
  const row = body.findIndex(({ isChosen }) => isChosen)
  const room = roomIn(state)
  const { top } = asked
  const isInSight = row >= top && row < top + room
  const nextTop = isInSight ? top : Math.max(0, row < top ? row : row - room + 1)
  return change(state, asked, { choice, body, top: nextTop })
}

function scrollBy(state: PromptState, asked: Asked, lines: number): PromptState {
  const most = Math.max(0, asked.body.length - roomIn(state))
  return change(state, asked, { top: Math.min(most, Math.max(0, asked.top + lines)) })
}

function withScope(state: PromptState, asked: Asked, step: number): PromptState {
  const count = scopesFor(asked).length
  return change(state, asked, { scope: (asked.scope + step + count) % count })
}

function goBeside(state: PromptState, step: number, now: number): PromptStep {
  const { asked, current } = state
  if (asked.length < 2) return { state, effects: [] }
  const index = asked.findIndex(({ id }) => id === current)
  const next = asked[(index + step + asked.length) % asked.length]
  return goTo({ ...state, message: "" }, next?.id, now)
}

/** Lines break elsewhere now: what was read is read again. */
function resize(state: PromptState, size: Size): PromptState {
  const isSame = widthOf(size.columns) === widthOf(state.size.columns)
  const asked = isSame
    ? state.asked
    : state.asked.map((each) => {
        return { ...each, body: bodyOf(each, size.columns), top: 0, seenTo: 0 }
      })
  return look({ ...state, asked, size })
}

/** Notes what of the current question is on the screen. */
function look(state: PromptState): PromptState {
  const asked = currentOf(state)
  if (asked === undefined || isTooSmall(state.size)) return state
  const lines = asked.body.length
  const top = Math.min(asked.top, Math.max(0, lines - roomIn(state)))
  // Seen without a gap: what was jumped over does not count.
  const end = Math.min(lines, top + roomIn(state))
  const seenTo = top <= asked.seenTo ? Math.max(asked.seenTo, end) : asked.seenTo
  return {
    ...state,
    asked: state.asked.map((each) => (each.id === asked.id ? { ...each, top, seenTo } : each)),
  }
}
