import { createHash, hash } from "node:crypto"
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

/** Of SHA-256, in bytes. */
const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/** HMAC (RFC 2104) of two hashes at once: Node's own takes ten times as long, in objects, for each record. */
export class AuditKey {
  /** The key's block, then what is hashed with it. */
  #inner: Buffer
  readonly #outer: Buffer
  /** Tells keys apart, and gives nothing away. */
  readonly id: string

  /** Of at most 64 bytes. */
  constructor(bytes: Uint8Array) {
    if (bytes.length > BLOCK_BYTES) throw new RangeError(`A key has at most ${BLOCK_BYTES} bytes`)
    const block = Buffer.alloc(BLOCK_BYTES)
    block.set(bytes)
    this.#inner = Buffer.alloc(4096)
    this.#inner.set(block.map((byte) => byte ^ 0x36))
    this.#outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES)
    this.#outer.set(block.map((byte) => byte ^ 0x5c))
    this.id = this.mac("key", "").slice(0, 16)
  }

  /** Of ASCII text. */
  mac(previous: string, body: string): string {
    const bytes = BLOCK_BYTES + previous.length + body.length
    if (bytes > this.#inner.length) this.#inner = Buffer.concat([this.#inner, Buffer.alloc(bytes)])
    const at = BLOCK_BYTES + this.#inner.write(previous, BLOCK_BYTES, "latin1")
    this.#inner.write(body, at, "latin1")
    this.#outer.set(hash("sha256", this.#inner.subarray(0, bytes), "buffer"), BLOCK_BYTES)
    return hash("sha256", this.#outer, "hex")
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
