import { CALL_LIMITS, PROMPT_LIMITS, type Question } from "@skerry/rpc"

/* One remembered answer, and the file of those that outlive the daemon. Pure. */

export const REMEMBERED = {
  /** Remembered answers: of more, new ones count once only. A person could not look through them either. */
  entries: 1024,
  /** Bytes of the file: what all entries can take. */
  fileBytes: 8 * 1024 * 1024,
  /** Bytes of a prompter's name in it. */
  byBytes: 256,
} as const

export interface Entry {
  readonly id: number
  readonly kind: Question["kind"]
  readonly verdict: "allow" | "deny"
  readonly source: string
  readonly service: string
  /** Of a call, without the "+"; of a confirmation its operation. */
  readonly argument: string
  /** Of a call the caller's wish; of a confirmation the keeper. */
  readonly requestedTarget: string
  /** Where an allowed call goes; of a confirmation the keeper; empty of a refusal. */
  readonly target: string
  readonly scope:
    | { readonly kind: "domain" }
    | { readonly kind: "until"; readonly until: number }
    | { readonly kind: "never" }
  readonly answeredAt: number
  readonly answeredBy: string
}

export type EntryKey = Pick<Entry, "kind" | "source" | "service" | "argument" | "requestedTarget">

/** What an answer to a question is remembered for. */
export function keyOf(question: Question): EntryKey {
  const { kind, source, service } = question
  return question.kind === "call"
    ? { kind, source, service, argument: question.argument, requestedTarget: question.requestedTarget }
    : { kind, source, service, argument: question.operation, requestedTarget: question.keeper }
}

export const keyText = ({ kind, source, service, argument, requestedTarget }: EntryKey): string =>
  JSON.stringify([kind, source, service, argument, requestedTarget])

/** It still says something about this question: what it allows must still be on offer. */
export function counts({ verdict, target, scope }: Entry, question: Question, now: number): boolean {
  if (isOver({ scope }, now)) return false
  if (verdict === "deny") return true
  return question.kind === "call" ? question.targets.includes(target) : question.rememberable
}

export const isOver = ({ scope }: Pick<Entry, "scope">, now: number): boolean =>
  scope.kind === "until" && scope.until <= now

export function formatFile(nextId: number, entries: readonly Entry[]): string {
  return `${JSON.stringify({ version: 1, nextId, entries }, null, 1)}\n`
}

/** Undefined: this is no such file, or not whole; then none of it counts. */
export function parseFile(
  text: string,
): { readonly nextId: number; readonly entries: readonly Entry[] } | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(value) || value.version !== 1 || !isCount(value.nextId) || !Array.isArray(value.entries))
    return undefined
  if (value.entries.length > REMEMBERED.entries) return undefined
  const { nextId } = value
  const entries: Entry[] = []
  const ids = new Set<number>()
  for (const each of value.entries as unknown[]) {
    if (!isEntry(each) || each.id >= nextId || ids.has(each.id)) return undefined
    ids.add(each.id)
    entries.push(each)
  }
  return { nextId, entries }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isText = (value: unknown, maxBytes: number): value is string =>
  typeof value === "string" && Buffer.byteLength(value) <= maxBytes

/** These fields and no other. */
const hasFields = (value: Record<string, unknown>, ...names: readonly string[]) =>
  Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name))

const ENTRY_FIELDS: readonly (keyof Entry)[] = [
  "id",
  "kind",
  "verdict",
  "source",
  "service",
  "argument",
  "requestedTarget",
  "target",
  "scope",
  "answeredAt",
  "answeredBy",
]

/** Complete, and nothing more: a file of another version must not be half understood. */
function isEntry(value: unknown): value is Entry {
  if (!isRecord(value) || !hasFields(value, ...ENTRY_FIELDS)) return false
  const { kind, verdict, scope } = value
  return (
    (kind === "call" || kind === "confirm") &&
    (verdict === "allow" || verdict === "deny") &&
    isScope(scope, verdict) &&
    isCount(value.id) &&
    isCount(value.answeredAt) &&
    isText(value.answeredBy, REMEMBERED.byBytes) &&
    isText(value.source, CALL_LIMITS.nameBytes) &&
    isText(value.service, PROMPT_LIMITS.serviceBytes) &&
    isText(value.argument, PROMPT_LIMITS.argumentBytes) &&
    isText(value.requestedTarget, CALL_LIMITS.targetBytes) &&
    isText(value.target, CALL_LIMITS.targetBytes)
  )
}

function isScope(value: unknown, verdict: "allow" | "deny"): boolean {
  if (!isRecord(value)) return false
  if (value.kind === "until") return hasFields(value, "kind", "until") && isCount(value.until)
  return value.kind === "never" && verdict === "deny" && hasFields(value, "kind")
}
