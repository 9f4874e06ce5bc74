import type { HostPaths, StateSettings } from "@skerry/model"
import type { Handlers } from "@skerry/rpc"
import type { AuditLog } from "../audit/audit-log.ts"
import type { DomainEvents } from "../domain-events.ts"
import type { Domains } from "../domains.ts"
import type { Generations } from "../generations.ts"
import { DirectoryGrants } from "./directory-grants.ts"
import type { DomainTrees } from "./domain-trees.ts"
import type { FileServerHosts } from "./file-server.ts"
import { directoryHandlers } from "./grant-handlers.ts"
import { HostDirectories } from "./host-directories.ts"
import { stateHandlers } from "./relay-state.ts"
import { StateStore } from "./state-store.ts"
import { TreeMounts } from "./tree-mounts.ts"

export interface TreesOptions {
  readonly paths: HostPaths
  /** Of the account that the daemon runs for. */
  readonly home: string
  readonly hosts: FileServerHosts
  readonly generations: Generations
  readonly domains: () => Domains
  readonly events: DomainEvents
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly randomBytes: (count: number) => Uint8Array
  readonly audit: () => AuditLog
  readonly onNotice: (text: string) => void
  /** There may be nothing to do any more. */
  readonly onFewer: () => void
  /** For tests: the first wait before a server is started anew. */
  readonly restartMs?: number
  /** For tests: what counts as a minute between versions. */
  readonly minuteMs?: number
}

export interface Trees {
  readonly ofDomains: DomainTrees
  readonly handlers: Handlers
  /** What was granted would be lost if the daemon ended now. */
  readonly isNeeded: boolean
  /** After the last domain has ended: everything is durable, and the servers have ended. */
  end(): Promise<void>
}

/** As the configuration has it where nothing was built yet. */
const STATE_DEFAULTS: StateSettings = {
  server: "process",
  snapshotMinutes: 60,
  keep: { last: 10, hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 10 },
  limitMiB: null,
}

/** All that gives directories to domains, put together. Nothing is started before somebody needs it. */
export function openTrees(options: TreesOptions): Trees {
  const { generations, events, audit } = options
  const settings = () =>
    generations.current().then(
      ({ system }) => system.settings.state,
      () => STATE_DEFAULTS,
    )
  const store = new StateStore({ ...options, settings })
  const directories = new HostDirectories(options)
  const grants: DirectoryGrants = new DirectoryGrants({ ...options, mounts: () => mounts })
  const mounts: TreeMounts = new TreeMounts({ ...options, store, directories, settings, moreFor: grants })
  events.listen((driver) => {
    if (driver.state.kind === "running") grants.onRunning(driver)
    else if (driver.state.kind === "ended") grants.onEnded(driver)
  })
  return {
    ofDomains: mounts,
    handlers: [
      ...stateHandlers({ store, audit: { append: (fields) => audit().append(fields) } }),
      ...directoryHandlers(grants),
    ],
    get isNeeded() {
      return grants.count > 0
    },
    async end() {
      await grants.end()
      await Promise.all([store.end(), directories.end()])
    },
  }
}
