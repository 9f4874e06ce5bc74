import { bool, nothing, struct, text, u64 } from "@skerry/wire"
import { CALL_LIMITS } from "./call-protocol.ts"
import { method } from "./method.ts"

/* The audit log: entries 23 and 24 of ADMIN. docs/audit.md says what it proves. */

const name = text({ max: CALL_LIMITS.targetBytes })

export const AUDIT_METHODS = {
  /** Lines of AuditRow on stdout, oldest first; an empty text matches all. With `follow` until cancelled. */
  audit: method({
    id: 23,
    name: "audit",
    params: struct({
      source: name,
      target: name,
      service: text({ max: 256 }),
      /** Milliseconds since 1970. */
      since: u64,
      follow: bool,
    }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  /** Lines of AuditProblem on stdout, then one of AuditSummary. */
  verifyAudit: method({
    id: 24,
    name: "verifyAudit",
    /** A record's number and MAC that were written down earlier; 0 and empty: none. */
    params: struct({ seq: u64, head: text({ max: 64 }) }),
    result: nothing,
    up: nothing,
    down: nothing,
  }),
} as const

/** What a record tells; which fields it has depends on its kind. Texts of guests are quoted and bounded. */
export interface AuditFields {
  readonly kind: AuditKind
  /** Joins the records of one call. */
  readonly call?: string
  readonly source?: string
  readonly service?: string
  readonly argument?: string
  readonly requestedTarget?: string
  readonly target?: string
  /** file:line, or what else decided. */
  readonly rule?: string
  readonly verdict?: "allow" | "deny" | "ask"
  readonly why?: string
  /** The prompter, or "remembered 12". */
  readonly answeredBy?: string
  readonly scope?: string
  readonly bytesUp?: number
  readonly bytesDown?: number
  readonly durationMs?: number
  /** "0", "signal 9", or the code of what went wrong. */
  readonly exit?: string
  /** For people: what happened to the log or the daemon. */
  readonly note?: string
}

export type AuditKind =
  | "decision" // what the policy said of a call
  | "prompt" // what a person answered, or that nobody did
  | "call-end"
  | "grant" // a remembered answer was revoked
  | "directory" // a directory was granted while the daemon runs, or taken back
  | "state" // something of the state store was changed, or could not be
  | "start" // a daemon opened the log
  | "end" // it closed it
  | "repair" // a torn last line was cut, or the log was found damaged
  | "file" // the first record of each file
  | "dropped" // the oldest file was removed to keep within the bound

export interface AuditRow extends AuditFields {
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly time: number
  /** Of kind "file": its number, the key it is written with, and the MAC of the record before it. */
  readonly file?: number
  readonly key?: string
  readonly continues?: string
  /** Of kind "dropped": the last record that is gone. */
  readonly through?: number
}

export interface AuditProblem {
  readonly problem: string
  readonly file: string
  /** 0: of the whole file. */
  readonly line: number
}

export interface AuditSummary {
  /** Problems found; of very many the first are listed. */
  readonly problems: number
  readonly records: number
  readonly files: number
  readonly firstSeq: number
  readonly lastSeq: number
  /** The last record's MAC: written down elsewhere, it shows later whether the log up to here is still the same. */
  readonly head: string
}
