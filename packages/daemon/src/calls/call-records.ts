import type { AuditFields, AuditLog } from "../audit/audit-log.ts"
import type { CallRecord } from "./call-record.ts"

/** Bytes between caller and service. */
export interface Carried {
  readonly up: number
  readonly down: number
}

export const NOTHING_CARRIED: Carried = { up: 0, down: 0 }

/** Writes what becomes of one call into the audit log. */
export class CallRecords {
  readonly #audit: AuditLog
  readonly #monotonicMs: () => number
  readonly #call: Pick<CallRecord, "id" | "source" | "params">
  readonly #startedAt: number

  constructor(
    { audit, monotonicMs }: { readonly audit: AuditLog; readonly monotonicMs: () => number },
    call: Pick<CallRecord, "id" | "source" | "params">,
  ) {
    this.#audit = audit
    this.#monotonicMs = monotonicMs
    this.#call = call
    this.#startedAt = monotonicMs()
  }

  append(fields: AuditFields): void {
    const { id, source, params } = this.#call
    const { service, argument, target: requestedTarget } = params
    this.#audit.append({ ...fields, call: id, source: source.name, service, argument, requestedTarget })
  }

  /** Written once it is known what was carried. */
  end(exit: string, carried: Carried | Promise<Carried>): void {
    const durationMs = Math.round(this.#monotonicMs() - this.#startedAt)
    const { id } = this.#call
    const write = ({ up: bytesUp, down: bytesDown }: Carried) => {
      this.#audit.append({ kind: "call-end", call: id, bytesUp, bytesDown, durationMs, exit })
    }
    if (carried instanceof Promise) void carried.then(write)
    else write(carried)
  }
}
