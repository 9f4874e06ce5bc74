import { CALL_LIMITS, PROMPT_LIMITS } from "@skerry/rpc"
import { ProtocolError } from "@skerry/wire"
import type { KeeperQuestion } from "../question.ts"

/*
 * skerry.Confirm, a service of the host: a keeper (the domain that has the keys) asks whether to do what another domain
 * wants of it. The request is one JSON object on standard input, up to its end; the exit status is the answer. A
 * keeper says what it was asked to do; that the question comes from this keeper, and on whose behalf, the host knows
 * by itself: callId names the call that the keeper serves, and counts only where it does.
 */

export const CONFIRM_SERVICE = "skerry.Confirm"

/** Exit statuses. Any other is a refusal, too. */
export const CONFIRM_STATUS = { allowed: 0, refused: 1, badRequest: 2 } as const

export const CONFIRM_LIMITS = {
  /** Bytes of the whole request: a question at its limits with every byte written as \u00XX. */
  requestBytes: 192 * 1024,
} as const

export interface ConfirmRequest extends KeeperQuestion {
  /** SKERRY_CALL_ID of the service that asks. */
  readonly callId: string
}

/** Throws RangeError for a request over its limits: the keeper is to fit it first. */
export function encodeConfirmRequest(request: ConfirmRequest): Uint8Array {
  const { callId, operation, title, details, rememberable } = request
  const plain = {
    callId,
    operation,
    title,
    details: details.map(({ label, text }) => ({ label, text })),
    rememberable,
  }
  const problem = findProblem(plain)
  if (problem !== undefined) throw new RangeError(problem)
  return Buffer.from(JSON.stringify(plain))
}

/** Throws ProtocolError for anything that is no such request, whole and within its limits. */
export function parseConfirmRequest(untrustedBytes: Uint8Array): ConfirmRequest {
  if (untrustedBytes.length > CONFIRM_LIMITS.requestBytes) {
    throw new ProtocolError("too-large", `A request takes ${CONFIRM_LIMITS.requestBytes} bytes at most`)
  }
  let untrustedValue: unknown
  try {
    untrustedValue = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(untrustedBytes),
    )
  } catch (cause) {
    throw new ProtocolError("bad-text", "A request is one JSON object in UTF-8", { cause })
  }
  const problem = findProblem(untrustedValue)
  if (problem !== undefined) throw new ProtocolError("bad-value", problem)
  return untrustedValue as ConfirmRequest
}

const FIELDS = ["callId", "operation", "title", "details", "rememberable"]

function findProblem(value: unknown): string | undefined {
  if (!hasOnly(value, FIELDS)) return `A request has these fields and no other: ${FIELDS.join(", ")}`
  const { callId, operation, title, details, rememberable } = value
  if (!isText(callId, CALL_LIMITS.nameBytes)) return tooLong("callId", CALL_LIMITS.nameBytes)
  if (!isText(operation, PROMPT_LIMITS.operationBytes))
    return tooLong("operation", PROMPT_LIMITS.operationBytes)
  if (operation === "") return "operation says what kind of thing is to be done: it is not empty"
  if (!isText(title, PROMPT_LIMITS.titleBytes)) return tooLong("title", PROMPT_LIMITS.titleBytes)
  if (typeof rememberable !== "boolean") return "rememberable is true or false"
  if (!Array.isArray(details) || details.length > PROMPT_LIMITS.details) {
    return `details is a list of ${PROMPT_LIMITS.details} at most`
  }
  let bytes = 0
  for (const detail of details as unknown[]) {
    if (!hasOnly(detail, ["label", "text"])) return "A detail has a label and a text, and nothing else"
    const { label, text } = detail
    if (!isText(label, PROMPT_LIMITS.labelBytes)) return tooLong("A detail's label", PROMPT_LIMITS.labelBytes)
    if (!isText(text, PROMPT_LIMITS.detailBytes)) return tooLong("A detail's text", PROMPT_LIMITS.detailBytes)
    bytes += Buffer.byteLength(label) + Buffer.byteLength(text)
  }
  return bytes > PROMPT_LIMITS.detailsBytes
    ? tooLong("All details together", PROMPT_LIMITS.detailsBytes)
    : undefined
}

function hasOnly(value: unknown, fields: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false
  return Object.keys(value).length === fields.length && fields.every((field) => Object.hasOwn(value, field))
}

/** A lone half of a character would become another text on its way to the prompter. */
const isText = (value: unknown, maxBytes: number): value is string =>
  typeof value === "string" && value.isWellFormed() && Buffer.byteLength(value) <= maxBytes

const tooLong = (what: string, maxBytes: number) => `${what} is text of ${maxBytes} bytes at most`
