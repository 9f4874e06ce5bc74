import { GUEST_PLACE, GUEST_PLACE_RULE, type HostPaths, placesOverlap, quoted } from "@skerry/model"
import type { DirectoryGrantRow } from "@skerry/rpc"
import type { AuditLog } from "../audit/audit-log.ts"
import type { DomainDriver } from "../domain-driver.ts"
import type { Domains } from "../domains.ts"
import { DaemonError, messageOf } from "../errors.ts"
import { TREE_LIMITS } from "./limits.ts"
import type { MountedTree } from "./mounted-tree.ts"
import { type OpenedPath, openGranted } from "./open-directory.ts"
import type { TreeMounts } from "./tree-mounts.ts"

export interface DirectoryGrantsOptions {
  readonly domains: () => Domains
  readonly mounts: () => TreeMounts
  readonly paths: HostPaths
  readonly home: string
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly audit: () => AuditLog
  readonly onNotice: (text: string) => void
  /** There are fewer of them. */
  readonly onFewer: () => void
}

export interface WantedGrant {
  readonly instance: string
  readonly path: string
  readonly access: "read" | "write"
  /** Empty: /mnt/ and its own name. */
  readonly at: string
  readonly seconds: number
}

interface DirectoryGrant extends Omit<DirectoryGrantRow, "kind" | "domain"> {
  readonly opened: OpenedPath
  /** When it is over on a clock that is never set: the other one may be set back, this one stands still in a sleep. */
  readonly runsOutAt: number | undefined
  /** Where it is, or is about to be; undefined: its domain does not run. */
  mounted: { readonly driver: DomainDriver; readonly tree: MountedTree } | undefined
  isOver: boolean
}

/**
 * Files and directories that are granted while the daemon runs, and only for as long as it does. Each is opened when it
 * is granted; it goes to the domain of that name, each time that it runs.
 */
export class DirectoryGrants {
  readonly #options: DirectoryGrantsOptions
  readonly #grants = new Map<number, DirectoryGrant>()
  /** Of one name one thing at a time. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #lastId = 0
  #watch: NodeJS.Timeout | undefined

  constructor(options: DirectoryGrantsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#grants.size
  }

  /** Resolves when its domain has it, if that runs. Fails with a DaemonError, and then nothing is granted. */
  async add(wanted: WantedGrant): Promise<{ id: number; at: string; warnings: readonly string[] }> {
    await this.#checkInstance(wanted.instance)
    return await this.#inTurn(wanted.instance, () => this.#add(wanted))
  }

  /** Resolves when open files of these fail. Fails with "bad-request" for unknown ones, and then revokes none. */
  async revoke(ids: readonly number[]): Promise<number> {
    const grants = ids.map((id) => this.#grants.get(id))
    const unknown = ids.filter((_, index) => grants[index] === undefined)
    if (unknown.length > 0) {
      const message = `There is no directory grant ${unknown.join(", ")}: "skerry grants" lists them`
      throw new DaemonError("bad-request", message)
    }
    const known = new Set(grants.flatMap((grant) => grant ?? []))
    await Promise.all([...known].map((grant) => this.#end(grant, "revoked")))
    return known.size
  }

  list(): DirectoryGrantRow[] {
    return [...this.#grants.values()].map(({ opened, mounted, isOver: _, runsOutAt: __, ...row }) => ({
      ...row,
      kind: opened.only === "" ? "directory" : "file",
      domain: mounted?.driver.plan.id,
    }))
  }

  needsMount({ plan }: DomainDriver): boolean {
    return this.#of(plan.id).length > 0
  }

  /** As its domain starts. One that cannot be had there any more is told, and does not keep it from starting. */
  async mountAll(driver: DomainDriver): Promise<void> {
    for (const grant of this.#of(driver.plan.id)) {
      await this.#mount(grant, driver).catch((error: unknown) => driver.note(messageOf(error)))
    }
  }

  /** Its domain runs: what was granted while it was on its way there is mounted. */
  onRunning(driver: DomainDriver): void {
    if (this.#of(driver.plan.id).every(({ mounted }) => mounted !== undefined)) return
    void this.#inTurn(driver.plan.id, () => this.mountAll(driver))
  }

  /** A disposable's name never returns. */
  onEnded({ plan }: DomainDriver): void {
    for (const grant of this.#of(plan.id)) {
      grant.mounted = undefined
      if (plan.isDisposable) void this.#end(grant, "its domain ended")
    }
  }

  async end(): Promise<void> {
    await Promise.all([...this.#grants.values()].map((grant) => this.#end(grant, "the daemon ended")))
    clearInterval(this.#watch)
  }

  /** A lasting domain has its instance's name, so one name says which domain is meant. */
  #of(id: string): DirectoryGrant[] {
    return [...this.#grants.values()].filter(({ instance, isOver }) => instance === id && !isOver)
  }

  async #checkInstance(name: string): Promise<void> {
    const domains = this.#options.domains()
    if (domains.find(name) !== undefined) return
    await domains.plans([name])
  }

  async #add(wanted: WantedGrant) {
    this.#checkRoom()
    const { isHealthy, problem } = this.#options.audit()
    if (!isHealthy) throw new DaemonError("unavailable", `The audit log cannot be written: ${problem}`)
    const driver = this.#options.domains().find(wanted.instance)
    const plan = driver?.plan ?? (await this.#options.domains().plans([wanted.instance])).plans[0]
    if (plan?.mould.backend.features.ports !== true) {
      throw new DaemonError(
        "unusable",
        `"${wanted.instance}" cannot have directories: only isolation "vm" can`,
      )
    }
    const opened = openGranted(wanted.path, this.#options)
    const grant = this.#open(wanted, opened, plan.directories)
    if (driver?.state.kind === "running") {
      await this.#mount(grant, driver).catch(async (error: unknown) => {
        await this.#end(grant, "it could not be given")
        throw error
      })
    }
    if (grant.isOver) throw new DaemonError("cancelled", `${quoted(grant.path)} was taken back meanwhile`)
    // It came to run meanwhile, or ended.
    const present = this.#options.domains().find(wanted.instance)
    if (present !== undefined && present !== driver) this.onRunning(present)
    return { id: grant.id, at: grant.at, warnings: opened.warnings }
  }

  /** Counts from here on, also while a guest takes its time to mount it. Takes over `opened`. */
  #open(
    wanted: WantedGrant,
    opened: OpenedPath,
    planned: DomainDriver["plan"]["directories"],
  ): DirectoryGrant {
    const { now, monotonicMs } = this.#options
    try {
      // Again: others, for other instances, may have come while this one waited.
      this.#checkRoom()
      const at = this.#place(wanted, opened, planned)
      const milliseconds = wanted.seconds === 0 ? undefined : wanted.seconds * 1000
      const grantedAt = now()
      this.#lastId += 1
      const grant: DirectoryGrant = {
        ...{ id: this.#lastId, instance: wanted.instance, path: opened.path, at, access: wanted.access },
        ...{ grantedAt, until: milliseconds && grantedAt + milliseconds },
        ...{ opened, mounted: undefined, isOver: false },
        runsOutAt: milliseconds && monotonicMs() + milliseconds,
      }
      this.#grants.set(grant.id, grant)
      this.#record(grant, "allow", "granted")
      this.#watch ??= setInterval(() => this.#expire(), TREE_LIMITS.expiryMs)
      return grant
    } catch (error) {
      opened[Symbol.dispose]()
      throw error
    }
  }

  #checkRoom(): void {
    if (this.#grants.size < TREE_LIMITS.grants) return
    const message = `${this.#grants.size} directories are granted, as many as may: "skerry revoke" makes room`
    throw new DaemonError("full", message)
  }

  /** Fails with "bad-request" for a place that cannot be, or where something else is. */
  #place(
    { at: wanted, instance }: WantedGrant,
    { path }: OpenedPath,
    planned: readonly { readonly at: string; readonly resource: string }[],
  ): string {
    const at = wanted === "" ? `/mnt/${path.slice(path.lastIndexOf("/") + 1)}` : wanted
    if (!GUEST_PLACE.test(at)) {
      throw new DaemonError(
        "bad-request",
        `Cannot put anything at ${quoted(at)}: the place is ${GUEST_PLACE_RULE}`,
      )
    }
    const taken = [
      ...planned.map((each) => ({ at: each.at, what: quoted(each.resource) })),
      ...this.#of(instance).map((each) => ({ at: each.at, what: quoted(each.path) })),
    ].find((each) => placesOverlap(each.at, at))
    if (taken === undefined) return at
    throw new DaemonError(
      "bad-request",
      `Cannot put it at ${quoted(at)}: ${taken.what} is at ${quoted(taken.at)}; name another place with --at`,
    )
  }

  async #mount(grant: DirectoryGrant, driver: DomainDriver): Promise<void> {
    // Its time may have run out while the host slept, and nobody has looked since.
    if (grant.mounted?.driver === driver || grant.isOver || this.#hasRunOut(grant)) return
    const { access, at, opened } = grant
    let begun: DirectoryGrant["mounted"]
    try {
      const how = { what: quoted(opened.path), at, access }
      await this.#options.mounts().mountOpened(driver, opened, how, (tree) => {
        begun = grant.mounted = { driver, tree }
      })
    } catch (error) {
      if (grant.mounted === begun) grant.mounted = undefined
      // Taken back while it was being mounted: that is all that was wanted.
      if (!grant.isOver) throw error
    }
  }

  async #end(grant: DirectoryGrant, why: string): Promise<void> {
    if (grant.isOver) return
    grant.isOver = true
    this.#grants.delete(grant.id)
    this.#record(grant, "deny", why)
    const { mounted, opened } = grant
    if (mounted !== undefined) await this.#options.mounts().unmount(mounted.driver, mounted.tree)
    opened[Symbol.dispose]()
    if (this.#grants.size === 0) {
      clearInterval(this.#watch)
      this.#watch = undefined
    }
    this.#options.onFewer()
  }

  #expire(): void {
    for (const grant of this.#grants.values()) {
      if (this.#hasRunOut(grant)) void this.#end(grant, "its time was over")
    }
  }

  #hasRunOut({ until = Number.POSITIVE_INFINITY, runsOutAt = Number.POSITIVE_INFINITY }: DirectoryGrant) {
    const { now, monotonicMs } = this.#options
    return now() >= until || monotonicMs() >= runsOutAt
  }

  #record(
    { instance, path, access, at, until, id }: DirectoryGrant,
    verdict: "allow" | "deny",
    why: string,
  ): void {
    const scope = until === undefined ? "until revoked" : `until ${new Date(until).toISOString()}`
    const note = `directory grant ${id}: to ${access}, at ${at}`
    const fields = { kind: "directory", target: instance, argument: path, verdict, why, scope, note } as const
    this.#options.audit().append(fields)
  }

  async #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name)
    const turn = (before ?? Promise.resolve()).then(work, work)
    this.#turns.set(name, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name)
    }
  }
}
