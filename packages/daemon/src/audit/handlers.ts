import { ADMIN, type Handlers, handler } from "@skerry/rpc"
import { writeLines } from "../write-lines.ts"
import type { Audit } from "./audit.ts"

/** Serves "skerry audit". */
export function auditHandlers(audit: Audit): Handlers {
  return [
    handler(ADMIN.audit, async ({ source, target, service, since, follow }, context) => {
      await audit.flush()
      const filter = { source, target, service, since: Number(since) }
      await writeLines(context, audit.read(filter, follow, context.signal))
      return undefined
    }),
    handler(ADMIN.verifyAudit, async ({ seq, head }, context) => {
      await audit.flush()
      const anchor = head === "" ? undefined : { seq: Number(seq), mac: head }
      await writeLines(context, audit.verify(anchor, context.signal))
      return undefined
    }),
  ]
}
