/** Bounds of the audit log; each names the harm it prevents. */
export interface AuditLimits {
  /** Bytes of one file before the next is begun. */
  readonly fileBytes: number
  /** Files kept: of more the oldest is removed, and a record says so. Calls without end must not fill the disk. */
  readonly files: number
  /** Bytes of records that wait for the disk: with more, calls are refused until it has caught up. */
  readonly pendingBytes: number
  /** How long records are gathered for one write; what a daemon that is killed takes with it. */
  readonly gatherMs: number
  /** How long a record may be written and not yet synced; what a power cut can take. */
  readonly syncMs: number
  /** After a failure, how long until writing is tried again. */
  readonly retryMs: number
}

export const AUDIT_LIMITS: AuditLimits = {
  fileBytes: 16 * 1024 * 1024,
  files: 64,
  pendingBytes: 8 * 1024 * 1024,
  gatherMs: 10,
  syncMs: 200,
  retryMs: 1000,
}

/** Characters of one text in a record: what a guest sends must not decide how long a line is. */
export const TEXT_CHARACTERS = 256

/** Bytes of one line: all fields of a record at their longest, each character written out. */
export const LINE_BYTES = 32 * 1024

/** Problems that a verification lists. */
export const PROBLEMS = 1000
