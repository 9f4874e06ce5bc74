import { PROMPT_LIMITS } from "@skerry/rpc"
import type { KeeperQuestion } from "../question.ts"

/*
 * skerry.Confirm: what the keeper of a key sends to the host, one JSON object. Who wants it done is not part of it: the
 * host knows whose call the keeper serves.
 */

export const CONFIRM_LIMITS = {
  /** Bytes of a request: its details, with room for what JSON escapes. */
  requestBytes: 8 * PROMPT_LIMITS.detailsBytes,
} as const

export const encodeConfirmation = ({ operation, title, details, rememberable }: KeeperQuestion): string =>
  JSON.stringify({ operation, title, details, rememberable })

export type Confirmation = KeeperQuestion | { readonly problem: string }

/** The question, or what is wrong with it, for the keeper's log. */
export function decodeConfirmation(untrustedText: string): Confirmation {
  if (Buffer.byteLength(untrustedText) > CONFIRM_LIMITS.requestBytes) {
    return { problem: `the request takes more than ${CONFIRM_LIMITS.requestBytes} bytes` }
  }
  let untrustedValue: unknown
  try {
    untrustedValue = JSON.parse(untrustedText)
  } catch {
    return { problem: "the request is no JSON" }
  }
  try {
    return readQuestion(untrustedValue)
  } catch (error) {
    if (error instanceof BadField) return { problem: error.message }
    throw error
  }
}

class BadField extends Error {
  override readonly name = "BadField"
}

function readQuestion(untrustedValue: unknown): KeeperQuestion {
  const fields = readObject(untrustedValue, "the request", ["operation", "title", "details", "rememberable"])
  const { details: untrustedDetails, rememberable } = fields
  if (!Array.isArray(untrustedDetails) || untrustedDetails.length > PROMPT_LIMITS.details) {
    throw new BadField(`"details" is no list of at most ${PROMPT_LIMITS.details}`)
  }
  if (typeof rememberable !== "boolean") throw new BadField('"rememberable" is neither true nor false')
  const details = untrustedDetails.map((untrustedDetail: unknown) => {
    const { label, text } = readObject(untrustedDetail, "a detail", ["label", "text"])
    return {
      label: readText(label, "label", PROMPT_LIMITS.labelBytes),
      text: readText(text, "text", PROMPT_LIMITS.detailBytes),
    }
  })
  const bytes = details.reduce((sum, { label, text }) => sum + byteLength(label) + byteLength(text), 0)
  if (bytes > PROMPT_LIMITS.detailsBytes) {
    throw new BadField(`the details take ${bytes} bytes, ${PROMPT_LIMITS.detailsBytes} are allowed`)
  }
  return {
    operation: readText(fields.operation, "operation", PROMPT_LIMITS.operationBytes),
    title: readText(fields.title, "title", PROMPT_LIMITS.titleBytes),
    details,
    rememberable,
  }
}

function readObject<K extends string>(
  untrustedValue: unknown,
  what: string,
  keys: readonly K[],
): Readonly<Record<K, unknown>> {
  if (typeof untrustedValue !== "object" || untrustedValue === null || Array.isArray(untrustedValue)) {
    throw new BadField(`${what} is no object`)
  }
  const found = Object.keys(untrustedValue)
  if (found.length !== keys.length || !keys.every((key) => Object.hasOwn(untrustedValue, key))) {
    throw new BadField(`${what} has other fields than ${keys.join(", ")}`)
  }
  return untrustedValue as Readonly<Record<K, unknown>>
}

function readText(untrustedText: unknown, what: string, max: number): string {
  if (typeof untrustedText === "string" && byteLength(untrustedText) <= max) return untrustedText
  throw new BadField(`"${what}" is no text of at most ${max} bytes`)
}

const byteLength = (text: string) => Buffer.byteLength(text)
