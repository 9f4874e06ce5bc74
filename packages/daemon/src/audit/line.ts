import { createHash, createHmac, createSecretKey, type KeyObject } from "node:crypto"
import type { AuditFields, AuditRow } from "@skerry/rpc"
import { LINE_BYTES, TEXT_CHARACTERS } from "./limits.ts"

/*
 * One record is one line: a JSON object whose last field is its MAC.
 *
 *   {"seq":7,"time":…,"kind":"decision",…,"mac":"64 hexadecimal digits"}
 *   └──────────── body ──────────────┘
 *
 *   MAC = HMAC-SHA-256(key, MAC of the record before, as text ‖ body)
 *
 * So each record vouches for all before it. The body is taken as the bytes that it is: nothing is made canonical again.
 */

/** Before the first record. */
export const NO_MAC = "0".repeat(64)

const TAIL = /^(\{"seq":(\d{1,15}),.*),"mac":"([0-9a-f]{64})"\}$/s

export class AuditKey {
  readonly #key: KeyObject
  /** Tells keys apart, and gives nothing away. */
  readonly id: string

  constructor(bytes: Uint8Array) {
    this.#key = createSecretKey(bytes)
    this.id = this.mac("key", "").slice(0, 16)
  }

  mac(previous: string, body: string): string {
    return createHmac("sha256", this.#key).update(previous).update(body).digest("hex")
  }
}

export interface Line {
  readonly seq: number
  readonly body: string
  readonly mac: string
}

type MoreFields = Pick<AuditRow, "file" | "key" | "continues" | "through">

export function formatLine(
  key: AuditKey,
  previous: string,
  seq: number,
  time: number,
  fields: AuditFields & MoreFields,
): { readonly line: string; readonly mac: string } {
  const whole = JSON.stringify({ seq, time, ...fields }, bounded)
  const body = ascii(whole.slice(0, -1))
  const mac = key.mac(previous, body)
  return { line: `${body},"mac":"${mac}"}\n`, mac }
}

/** Undefined: it is no record. */
export function parseLine(untrustedLine: string): Line | undefined {
  if (untrustedLine.length > LINE_BYTES) return undefined
  const [, body, seq, mac] = TAIL.exec(untrustedLine) ?? []
  if (body === undefined || seq === undefined || mac === undefined) return undefined
  return { seq: Number(seq), body, mac }
}

/** The record of a line, its MAC left out; undefined: it is none. */
export function parseRow(untrustedLine: string): AuditRow | undefined {
  const line = parseLine(untrustedLine)
  if (line === undefined) return undefined
  try {
    const value: unknown = JSON.parse(`${line.body}}`)
    return isRow(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isRow(value: unknown): value is AuditRow {
  if (typeof value !== "object" || value === null) return false
  const { seq, time, kind } = value as Partial<Record<keyof AuditRow, unknown>>
  return (
    typeof seq === "number" &&
    typeof time === "number" &&
    typeof kind === "string" &&
    Object.values(value).every((each) => typeof each === "string" || typeof each === "number")
  )
}

function bounded(_name: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= TEXT_CHARACTERS) return value
  const digest = createHash("sha256").update(value).digest("hex").slice(0, 16)
  return `${value.slice(0, TEXT_CHARACTERS)}… (${value.length} characters, SHA-256 ${digest}…)`
}

/** A log that is looked at in a terminal must not do anything there. */
function ascii(json: string): string {
  return json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
}
