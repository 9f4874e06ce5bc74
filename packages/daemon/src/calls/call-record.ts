import type { CallParams } from "@skerry/rpc"
import type { DomainDriver } from "../domain-driver.ts"
import type { SourceUse } from "./source-limits.ts"

/** Whoever calls. */
export interface CallSource {
  /** As the policy and the target know it: a domain's id, for the host "@adminvm". */
  readonly name: string
  /** Undefined: the host, whose calls are not subject to policy. */
  readonly driver: DomainDriver | undefined
  readonly use: SourceUse
  /** Calls over its limits that the audit log has heard of only as a number, or not yet. */
  unrecordedRefusals: number
}

/** A call that has come in and not ended. */
export interface CallRecord {
  /** SKERRY_CALL_ID of the service that it runs. */
  readonly id: string
  readonly source: CallSource
  readonly params: CallParams
  /** How many calls led to this one, itself counted. */
  readonly depth: number
  /** The call whose service makes this one. */
  readonly parent: CallRecord | undefined
  /** The domain whose service runs, once there is one. */
  target: DomainDriver | undefined
  /** Aborted when the call is over. */
  readonly over: AbortSignal
}

export const HOST_NAME = "@adminvm"
