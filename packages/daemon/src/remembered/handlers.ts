import { ADMIN, type AuditFields, type GrantRow, type Handlers, handler } from "@skerry/rpc"
import { DaemonError } from "../errors.ts"
import { writeLines } from "../write-lines.ts"
import type { Remembered } from "./remembered.ts"

export interface GrantParts {
  readonly remembered: Remembered
  readonly now: () => number
  /** For the audit log. */
  readonly onRevoked: (row: GrantRow) => void
}

/** Serves "skerry grants". */
export function grantHandlers({ remembered, now, onRevoked }: GrantParts): Handlers {
  return [
    handler(ADMIN.grants, async (_, context) => {
      await writeLines(context, remembered.list(now()))
      return undefined
    }),
    handler(ADMIN.revokeGrants, async ({ ids }) => {
      const known = new Set(remembered.list(now()).map(({ id }) => id))
      const unknown = ids.filter((id) => !known.has(id))
      if (unknown.length > 0) {
        throw new DaemonError(
          "bad-request",
          `There is no remembered answer ${unknown.join(", ")}: "skerry grants" lists them`,
        )
      }
      const rows = await remembered.revoke(ids)
      for (const row of rows) onRevoked(row)
      return { revoked: rows.length }
    }),
  ]
}

/** What the audit log hears of an answer that was revoked. */
export const revocation = ({
  source,
  service,
  argument,
  target,
  verdict,
  scope,
  id,
}: GrantRow): AuditFields => ({
  ...{ kind: "grant", source, service, argument, target, verdict, scope },
  note: `remembered answer ${id} was revoked`,
})
