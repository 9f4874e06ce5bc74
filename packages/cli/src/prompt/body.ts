import { plainLines, plainly } from "@skerry/model"
import type { CallQuestion, ConfirmQuestion, Question } from "@skerry/rpc"
import { widthOf } from "./layout.ts"
import { wrapToWidth } from "./width.ts"

export type Style = "plain" | "bold" | "dim" | "chosen"

export interface Segment {
  readonly text: string
  readonly style: Style
}

export interface BodyLine {
  readonly segments: readonly Segment[]
  /** The line of the chosen target. */
  readonly isChosen: boolean
}

interface Shown {
  readonly question: Question
  readonly choice: number | undefined
}

const LABEL_COLUMNS = 12

/** A question's lines, of which a window shows as many as it has room for. */
export function bodyOf({ question, choice }: Shown, columns: number): BodyLine[] {
  const width = widthOf(columns)
  return question.kind === "call" ? callBody(question, choice, width) : confirmBody(question, width)
}

function callBody(question: CallQuestion, choice: number | undefined, width: number): BodyLine[] {
  const { source, service, argument, requestedTarget, rule, targets } = question
  return [
    ...fact("From", [source], width, "bold"),
    ...fact("Service", [service], width, "bold"),
    ...(argument === "" ? [] : fact("Argument", [argument], width)),
    ...fact("Asked for", [wish(requestedTarget)], width),
    ...fact("Rule", [rule], width, "dim"),
    line(),
    line({ text: " Where may it go?", style: "plain" }),
    ...targets.map((target, index) => targetLine(target, index, index === choice)),
  ]
}

function wish(target: string): string {
  if (target === "" || target === "@default") return "no target in particular"
  if (target === "@dispvm") return "a fresh disposable"
  if (target.startsWith("@dispvm:")) return `a fresh disposable of ${target.slice("@dispvm:".length)}`
  return target
}

function targetLine(target: string, index: number, isChosen: boolean): BodyLine {
  const number = index < 9 ? String(index + 1) : " "
  const text = ` ${isChosen ? "▸" : " "} ${number}  ${plainly(wishAsTarget(target))} `
  return { segments: [{ text, style: isChosen ? "chosen" : "plain" }], isChosen }
}

const wishAsTarget = (target: string) =>
  target.startsWith("@dispvm")
    ? `${target} (${wish(target)})`
    : target === "@adminvm"
      ? "@adminvm (this host)"
      : target

function confirmBody(question: ConfirmQuestion, width: number): BodyLine[] {
  const { source, keeper, service, title, details } = question
  return [
    ...fact("For", [source], width, "bold"),
    ...fact("Asked by", [`${keeper}, which serves ${service}`], width),
    line(),
    ...wrapToWidth(`In the words of ${keeper}:`, width - 1).map((text) =>
      line({ text: ` ${text}`, style: "dim" }),
    ),
    ...quotedLines("", [plainly(title)], width, "bold"),
    ...details.flatMap(({ label, text }) => [
      line({ text: " │", style: "dim" }),
      ...quotedLines(plainly(label), plainLines(text.replace(/\n$/, "")), width, "plain"),
    ]),
  ]
}

const line = (...segments: readonly Segment[]): BodyLine => ({ segments, isChosen: false })

/** What the host itself says. */
function fact(label: string, texts: readonly string[], width: number, style: Style = "plain"): BodyLine[] {
  const room = Math.max(8, width - LABEL_COLUMNS - 2)
  return texts
    .flatMap((text) => wrapToWidth(plainly(text), room))
    .map((text, index) =>
      line({ text: ` ${(index === 0 ? label : "").padEnd(LABEL_COLUMNS)}`, style: "dim" }, { text, style }),
    )
}

/**
 * What a keeper says stands beside a bar, which no text of a guest can have: `plainly` writes it out. Under its label it
 * is indented, so that no line of it (of a document to sign) looks like another label.
 */
function quotedLines(label: string, texts: readonly string[], width: number, style: Style): BodyLine[] {
  const heading = label === "" ? [] : [label]
  const indent = label === "" ? "" : "  "
  const room = Math.max(8, width - 4)
  const bar: Segment = { text: " │ ", style: "dim" }
  return [
    ...heading
      .flatMap((text) => wrapToWidth(`${text}:`, room))
      .map((text) => line(bar, { text, style: "dim" })),
    ...texts
      .flatMap((text) => wrapToWidth(text, room - indent.length))
      .map((text) => line(bar, { text: `${indent}${text}`, style })),
  ]
}
