import type { AuditFields } from "@skerry/rpc"

export type { AuditFields }

/** What the broker needs of the audit log. */
export interface AuditLog {
  /** False: the log cannot be written, so no call may run; `problem` says why, for people. */
  readonly isHealthy: boolean
  readonly problem: string | undefined
  /** Never throws, never waits. */
  append(fields: AuditFields): void
}
