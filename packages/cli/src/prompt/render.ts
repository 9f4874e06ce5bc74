import { plainly } from "@skerry/model"
import type { Segment } from "./body.ts"
import { isTooSmall, messageRows, queueRows, widthOf } from "./layout.ts"
import { type Asked, currentOf, type PromptState, roomIn, whyNotYet } from "./prompt-state.ts"
import { scopeOf, scopesFor } from "./scope-choice.ts"
import { cutToWidth, textWidth } from "./width.ts"

export type Line = readonly Segment[]

const plain = (text: string): Segment => ({ text, style: "plain" })
const dim = (text: string): Segment => ({ text, style: "dim" })
const bold = (text: string): Segment => ({ text, style: "bold" })

/** Pure: exactly as many lines as the window has rows, none wider than it. */
export function render(state: PromptState, now: number): Line[] {
  const { rows, columns } = state.size
  const lines = isTooSmall(state.size) ? tooSmall(state) : whole(state, now)
  const filled = [...lines, ...new Array<Line>(Math.max(0, rows - lines.length)).fill([])]
  return filled.slice(0, rows).map((line) => cutLine(line, columns))
}

const tooSmall = ({ asked }: PromptState): Line[] => [
  [bold(asked.length === 0 ? "Nothing asked" : `${asked.length} asked`)],
  [plain("Window too small")],
]

function whole(state: PromptState, now: number): Line[] {
  const { size } = state
  const width = widthOf(size.columns)
  const rule: Line = [dim("─".repeat(width))]
  const asked = currentOf(state)
  if (asked === undefined) return idle(state, rule)
  const room = roomIn(state)
  const { body } = asked
  const shown = body.slice(asked.top, asked.top + room).map(({ segments }) => segments)
  const below = body.length - asked.top - shown.length
  return [
    titleLine(state, asked, now),
    rule,
    ...shown,
    ...new Array<Line>(room - shown.length).fill([]),
    below > 0 || asked.top > 0 ? moreLine(asked.top, below, width) : rule,
    scopeLine(asked, width),
    ...queueLines(state),
    ...statusLines(state, now),
    [dim(keysFor(asked, state))],
  ]
}

function idle(state: PromptState, rule: Line): Line[] {
  return [
    [bold(" Skerry asks")],
    rule,
    [],
    [plain(" Nothing is asked at present.")],
    [],
    [dim(" When a domain wants something that the policy leaves to you, the question")],
    [dim(" appears here. Keep this window open; without it such calls are refused.")],
    [],
    [plain(state.message === "" ? "" : ` ${plainly(state.message)}`)],
    [dim(" q leave")],
  ]
}

/** Stays in sight however far the question is scrolled. */
function titleLine({ asked: all }: PromptState, { id, question, expiresAt }: Asked, now: number): Line {
  const seconds = Math.max(0, Math.ceil((expiresAt - now) / 1000))
  const place = all.length > 1 ? `${all.findIndex((each) => each.id === id) + 1} of ${all.length} · ` : ""
  const words =
    question.kind === "call"
      ? `${question.source} calls ${question.service}`
      : `${question.source} wants a key of ${question.keeper}`
  return [dim(` ${place}${seconds} s · `), bold(plainly(words))]
}

function moreLine(above: number, below: number, width: number): Line {
  const words = [above > 0 ? `${above} above` : "", below > 0 ? `${below} more below` : ""].filter(
    (word) => word !== "",
  )
  const text = `── ${words.join(", ")} `
  return [bold(text), dim("─".repeat(Math.max(0, width - textWidth(text))))]
}

/** All where there is room for all, else the chosen one alone. */
function scopeLine(asked: Asked, width: number): Line {
  const words = scopesFor(asked).map((choice) => choice.words(plainly(asked.question.source)))
  const chosen = scopeOf(asked).words(plainly(asked.question.source))
  const label = " For: "
  const isRoom = textWidth(label) + words.reduce((sum, word) => sum + textWidth(word) + 3, 0) <= width
  const shown = isRoom ? words : [chosen]
  return [
    dim(label),
    ...shown.flatMap(
      (word): Line => [
        word === chosen ? { text: `[${word}]`, style: "bold" } : { text: ` ${word} `, style: "dim" },
        plain(" "),
      ],
    ),
  ]
}

function queueLines(state: PromptState): Line[] {
  const rows = queueRows(state.size, state.asked.length - 1)
  if (rows === 0) return []
  const others = state.asked.filter(({ id }) => id !== state.current)
  const isCut = others.length > rows
  const shown = others.slice(0, isCut ? rows - 1 : rows)
  const lines = shown.map(
    ({ question }): Line => [dim(` Also waiting: ${plainly(question.source)}, ${plainly(question.service)}`)],
  )
  if (isCut) lines.push([dim(` Also waiting: ${others.length - shown.length} others`)])
  return [...lines, ...new Array<Line>(rows - lines.length).fill([])]
}

function statusLines(state: PromptState, now: number): Line[] {
  const why = whyNotYet(state, now)
  const hint: Line = why === undefined ? [bold(" y allows it")] : [dim(` To allow it: ${why}`)]
  const message: Line = state.message === "" ? [] : [bold(` ${plainly(state.message)}`)]
  if (messageRows(state.size) > 0) return [message, hint]
  return [message.length > 0 ? message : hint]
}

function keysFor({ question }: Asked, { asked, size }: PromptState): string {
  const isMany = asked.length > 1
  const keys = [
    "y allow",
    "n refuse",
    "N never",
    question.kind === "call" ? "1-9 ↑↓ target" : "↑↓ read",
    "Tab how long",
    ...(isMany ? ["←→ others"] : []),
    "q leave",
  ]
  let text = ""
  for (const key of keys) {
    const longer = text === "" ? ` ${key}` : `${text} · ${key}`
    if (textWidth(longer) > size.columns) break
    text = longer
  }
  return text
}

function cutLine(line: Line, columns: number): Line {
  const cut: Segment[] = []
  let room = columns
  for (const { text, style } of line) {
    if (room <= 0) break
    const fitting = cutToWidth(text, room)
    cut.push({ text: fitting, style })
    room -= textWidth(fitting)
  }
  return cut
}
