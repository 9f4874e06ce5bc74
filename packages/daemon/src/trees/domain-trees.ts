import type { DomainDriver } from "../domain-driver.ts"

export type { PlannedDirectory } from "./planned-directories.ts"

/** What the lifecycle of a domain needs of its directories. */
export interface DomainTrees {
  /** Whether directories are to be mounted before commands may be run. */
  needsMount(driver: DomainDriver): boolean
  /** Mounts them. Rejects with a DaemonError for people, and the domain then ends. */
  mountAll(driver: DomainDriver): Promise<void>
  /** Whether it has any, or is being given any. */
  hasTrees(driver: DomainDriver): boolean
  /** What the domain still holds is written to its directories when this resolves, if it can be. Never rejects. */
  settle(driver: DomainDriver): Promise<void>
  /** The domain has ended: what it wrote is durable and kept as a version when this resolves. Never rejects. */
  release(driver: DomainDriver): Promise<void>
}
