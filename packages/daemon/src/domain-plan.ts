import type { Application, DomainId, InstanceName } from "@skerry/model"
import type { CallParams, CallState } from "@skerry/rpc"
import type { Admission } from "./admission.ts"
import type { Identity } from "./agent.ts"
import type { DomainDriver } from "./domain-driver.ts"
import type { Blank, DomainMould } from "./standby.ts"
import type { DomainTrees, PlannedDirectory } from "./trees/domain-trees.ts"

/** What one domain is and was made from; it keeps this when another generation becomes current. */
export interface DomainPlan {
  readonly id: DomainId
  readonly instance: InstanceName
  readonly isDisposable: boolean
  readonly generation: number
  readonly application: Application
  readonly mould: DomainMould
  /** Directories that the configuration grants. */
  readonly directories: readonly PlannedDirectory[]
}

/** How effects are carried out; the same for every domain of a daemon. */
export interface DomainServices {
  readonly admission: Admission
  /** Makes the template ready; the start that follows finds it loaded. */
  readonly prepare: (mould: DomainMould, signal: AbortSignal) => Promise<void>
  /** A blank from the standby pool, else a fresh one. */
  readonly start: (plan: DomainPlan, signal: AbortSignal) => Promise<Blank>
  readonly identityOf: (plan: DomainPlan) => Identity
  readonly now: () => number
  /** Hears of every change of state, after it. */
  readonly onState: (driver: DomainDriver) => void
  readonly trees: DomainTrees
  /** Takes a call that the domain makes. */
  readonly onCall: (driver: DomainDriver, params: CallParams, state: CallState) => void
}
