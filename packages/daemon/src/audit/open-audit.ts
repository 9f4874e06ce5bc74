import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs"
import { messageOf } from "../errors.ts"
import { Audit, type AuditParts } from "./audit.ts"
import { auditDirectory, keyPath } from "./files.ts"
import { AUDIT_LIMITS, type AuditLimits } from "./limits.ts"
import { AuditKey } from "./line.ts"
import { resume } from "./resume.ts"

export interface AuditOptions extends Pick<AuditParts, "state" | "now" | "onNotice"> {
  readonly randomBytes: (count: number) => Uint8Array
  readonly limits?: AuditLimits
}

const KEY_BYTES = 32

/** Opens the log, and begins it where there is none. Throws where neither can be done, with a sentence. */
export function openAudit({ randomBytes, limits = AUDIT_LIMITS, ...options }: AuditOptions): Audit {
  const { state, now } = options
  try {
    mkdirSync(auditDirectory(state), { recursive: true, mode: 0o700 })
    const found = readKey(state, now)
    const key = new AuditKey(found ?? makeKey(state, randomBytes))
    return new Audit({ ...options, limits, key, resumption: resume(state, key, found === undefined) })
  } catch (cause) {
    throw new Error(
      `Cannot open the audit log in ${auditDirectory(state)}: ${messageOf(cause)}; give yourself access, or move it away`,
      { cause },
    )
  }
}

function readKey(state: string, now: () => number): Uint8Array | undefined {
  const path = keyPath(state)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
  if (bytes.length === KEY_BYTES) return bytes
  renameSync(path, `${path}.damaged-${now()}`)
  return undefined
}

function makeKey(state: string, randomBytes: (count: number) => Uint8Array): Uint8Array {
  const bytes = randomBytes(KEY_BYTES)
  const path = keyPath(state)
  const file = openSync(`${path}.new`, "w", 0o600)
  try {
    writeSync(file, bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
  return bytes
}
