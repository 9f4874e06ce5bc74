import { type HostPaths, quoted, type StateSettings, type TreeName } from "@skerry/model"
import { STATE_METHODS } from "@skerry/rpc"
import type { DomainDriver } from "../domain-driver.ts"
import { DaemonError, messageOf } from "../errors.ts"
import type { DomainTrees, PlannedDirectory } from "./domain-trees.ts"
import type { HostDirectories } from "./host-directories.ts"
import { TREE_LIMITS } from "./limits.ts"
import { MountedTree, type TreeRequest } from "./mounted-tree.ts"
import { type OpenedPath, openGranted } from "./open-directory.ts"
import type { StateStore } from "./state-store.ts"

export interface TreeMountsOptions {
  readonly store: StateStore
  readonly directories: HostDirectories
  readonly paths: HostPaths
  readonly home: string
  readonly settings: () => Promise<StateSettings>
  readonly onNotice: (text: string) => void
  /** For tests. */
  readonly minuteMs?: number
  /** Mounts what was granted to the domain while the daemon runs. */
  readonly moreFor: {
    needsMount(driver: DomainDriver): boolean
    mountAll(driver: DomainDriver): Promise<void>
  }
}

interface DomainRecord {
  readonly mounted: Set<MountedTree>
  snapshots: NodeJS.Timeout | undefined
  isOver: boolean
}

/** The directories of all domains: mounts them, keeps versions of them, and lets go of them. */
export class TreeMounts implements DomainTrees {
  readonly #options: TreeMountsOptions
  readonly #records = new Map<DomainDriver, DomainRecord>()
  readonly #lastPorts = new WeakMap<DomainDriver, number>()

  constructor(options: TreeMountsOptions) {
    this.#options = options
  }

  needsMount(driver: DomainDriver): boolean {
    return driver.plan.directories.length > 0 || this.#options.moreFor.needsMount(driver)
  }

  hasTrees(driver: DomainDriver): boolean {
    return this.#records.has(driver)
  }

  async mountAll(driver: DomainDriver): Promise<void> {
    const record = this.#recordOf(driver)
    for (const directory of driver.plan.directories) {
      if (directory.origin.kind === "state") await this.#mountState(driver, directory)
      else await this.#mountHost(driver, directory, directory.origin.path)
    }
    await this.#options.moreFor.mountAll(driver)
    if (!record.isOver) await this.#snapshotNowAndThen(driver, record)
  }

  /**
   * Of a directory of the host that is open already, which stays the caller's. `onBegun` hears of the tree before the guest
   * does: it can be unmounted from then on, however long the guest takes to say that it has it.
   */
  async mountOpened(
    driver: DomainDriver,
    opened: OpenedPath,
    how: Pick<TreeRequest, "what" | "at" | "access">,
    onBegun: (mounted: MountedTree) => void = () => {},
  ): Promise<MountedTree> {
    const request: TreeRequest = {
      ...how,
      tree: undefined,
      sharing: "shared",
      only: opened.only,
      attach: (trees, hooks) => this.#options.directories.attach(opened, how.access, trees, hooks),
    }
    return await this.#mount(driver, request, onBegun)
  }

  async unmount(driver: DomainDriver, mounted: MountedTree): Promise<void> {
    await mounted.unmount()
    const record = this.#records.get(driver)
    record?.mounted.delete(mounted)
    // It may end as quickly as one that never had any.
    if (record?.mounted.size === 0 && driver.state.kind === "running") this.#forget(driver, record)
  }

  async settle(driver: DomainDriver): Promise<void> {
    const signal = AbortSignal.timeout(TREE_LIMITS.settleMs)
    await driver.agent?.synchroniseTrees(signal).catch((error: unknown) => {
      driver.note(`its directories may lack what it wrote last: ${messageOf(error)}`)
    })
  }

  async release(driver: DomainDriver): Promise<void> {
    const record = this.#records.get(driver)
    if (record === undefined) return
    this.#forget(driver, record)
    const trees = writtenTrees(record)
    await Promise.all([...record.mounted].map((mounted) => mounted.release()))
    for (const tree of trees) await this.#snapshot(driver, tree, "stop")
    if (trees.size > 0) void this.#options.store.pruneIfDue()
  }

  async #mountState(driver: DomainDriver, directory: PlannedDirectory): Promise<void> {
    const { origin, at, access, sharing, resource } = directory
    if (origin.kind !== "state") return
    const { store } = this.#options
    const what = quoted(resource)
    this.#refuseIfKept(driver, origin.tree, what, access)
    await this.#mount(driver, {
      ...{ what, at, access, sharing, tree: origin.tree, only: "" },
      attach: async (trees, hooks) => {
        await store.openTree(origin.tree, origin.quotaMiB)
        const { label, fd } = await store.supervisor.attach(trees, hooks)
        return { fd, drop: () => store.supervisor.drop(label) }
      },
    })
  }

  async #mountHost(driver: DomainDriver, directory: PlannedDirectory, path: string): Promise<void> {
    const { at, access, resource } = directory
    using opened = openGranted(path, this.#options)
    if (opened.only !== "") {
      throw new DaemonError("bad-request", `Cannot grant ${quoted(path)} in the configuration: it is a file`)
    }
    await this.mountOpened(driver, opened, { what: quoted(resource), at, access })
  }

  /**
   * A kernel that was told that nobody else has its tree does not look whether it has changed. Configured anew, such a
   * tree can be shared only once that domain has ended. Disposables write nothing, and see what has been written back.
   */
  #refuseIfKept(driver: DomainDriver, tree: TreeName, what: string, access: "read" | "write"): void {
    if (driver.plan.isDisposable) return
    for (const [other, { mounted }] of this.#records) {
      if (other === driver) continue
      for (const { request } of mounted) {
        if (request.tree !== tree || request.sharing !== "private") continue
        throw new DaemonError(
          "wrong-state",
          `Cannot give ${what} to ${access}: "${other.plan.id}" was started when it alone had that tree; run "skerry stop ${other.plan.id}" first`,
        )
      }
    }
  }

  async #mount(
    driver: DomainDriver,
    request: TreeRequest,
    onBegun: (mounted: MountedTree) => void = () => {},
  ): Promise<MountedTree> {
    const { domain, agent } = driver
    const { kind } = driver.state
    if (domain === undefined || agent === undefined || (kind !== "mounting" && kind !== "running")) {
      throw new DaemonError("wrong-state", `"${driver.plan.id}" is ${kind}`)
    }
    const record = this.#recordOf(driver)
    if (record.mounted.size >= TREE_LIMITS.perDomain) {
      throw new DaemonError(
        "full",
        `Cannot give ${request.what}: "${driver.plan.id}" has ${record.mounted.size} directories, as many as it may`,
      )
    }
    const number = (this.#lastPorts.get(driver) ?? 0) + 1
    this.#lastPorts.set(driver, number)
    const place = {
      ...{ domain, agent, port: `tree.${number}` },
      note: (text: string) => driver.note(text),
      onLost: (mounted: MountedTree) => void this.unmount(driver, mounted),
    }
    let begun: MountedTree | undefined
    try {
      return await MountedTree.mount(request, place, (mounted) => {
        begun = mounted
        record.mounted.add(mounted)
        onBegun(mounted)
      })
    } catch (error) {
      if (begun !== undefined) record.mounted.delete(begun)
      throw error
    }
  }

  #recordOf(driver: DomainDriver): DomainRecord {
    const found = this.#records.get(driver)
    if (found !== undefined) return found
    const fresh: DomainRecord = { mounted: new Set(), snapshots: undefined, isOver: false }
    this.#records.set(driver, fresh)
    return fresh
  }

  #forget(driver: DomainDriver, record: DomainRecord): void {
    record.isOver = true
    clearInterval(record.snapshots)
    this.#records.delete(driver)
  }

  async #snapshotNowAndThen(driver: DomainDriver, record: DomainRecord): Promise<void> {
    const { snapshotMinutes } = await this.#options.settings()
    if (snapshotMinutes === 0 || record.isOver || writtenTrees(record).size === 0) return
    let isBusy = false
    const look = async () => {
      if (isBusy || driver.state.kind !== "running") return
      isBusy = true
      await this.settle(driver)
      for (const tree of writtenTrees(record)) await this.#snapshot(driver, tree, "interval")
      await this.#options.store.pruneIfDue()
      isBusy = false
    }
    record.snapshots = setInterval(() => void look(), snapshotMinutes * (this.#options.minuteMs ?? 60_000))
  }

  async #snapshot(driver: DomainDriver, tree: TreeName, reason: "stop" | "interval"): Promise<void> {
    try {
      await this.#options.store.snapshot(tree, reason)
    } catch (error) {
      const text = `no version of ${quoted(tree)} could be kept (${STATE_METHODS.stateSnapshot.name}): ${messageOf(error)}`
      driver.note(text)
      this.#options.onNotice(`${driver.plan.id}: ${text}`)
    }
  }
}

function writtenTrees({ mounted }: DomainRecord): Set<TreeName> {
  const trees = new Set<TreeName>()
  for (const { request } of mounted) {
    if (request.tree !== undefined && request.access === "write") trees.add(request.tree)
  }
  return trees
}
