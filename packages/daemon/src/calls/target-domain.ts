import type { DomainDriver } from "../domain-driver.ts"
import type { Domains } from "../domains.ts"

/** The domain that a call goes to; it may not be ready yet. */
export interface TargetDomain {
  readonly driver: DomainDriver
  /** Made for this call, and ended with it. */
  readonly isOurs: boolean
}

const DISPOSABLE = "@dispvm:"

/** The domain of a target that the policy gave; an instance that does not run is started. Fails with DaemonError. */
export function openTarget(domains: Domains, target: string): TargetDomain | Promise<TargetDomain> {
  if (target.startsWith(DISPOSABLE)) {
    return domains.disposable(target.slice(DISPOSABLE.length)).then((driver) => ({ driver, isOurs: true }))
  }
  const driver = domains.find(target)
  if (driver !== undefined && driver.state.kind !== "stopping" && driver.state.kind !== "ended") {
    return { driver, isOurs: false }
  }
  return domains.lasting(target).then((driver) => ({ driver, isOurs: false }))
}
