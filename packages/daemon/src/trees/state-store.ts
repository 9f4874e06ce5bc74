import { closeSync, mkdirSync, openSync, statSync, utimesSync } from "node:fs"
import { join } from "node:path"
import type { HostPaths, KeepRule, StateSettings, TreeName } from "@skerry/model"
import { type Method, RemoteError, STATE_METHODS } from "@skerry/rpc"
import { DaemonError, messageOf } from "../errors.ts"
import type { FileServer, FileServerHosts } from "./file-server.ts"
import { TREE_LIMITS } from "./limits.ts"
import { checkPlace } from "./machine-host.ts"
import { StoreKey } from "./store-key.ts"
import { Supervisor } from "./supervisor.ts"

export interface StateStoreOptions {
  readonly paths: HostPaths
  readonly hosts: FileServerHosts
  /** Of the current generation. */
  readonly settings: () => Promise<StateSettings>
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly randomBytes: (count: number) => Uint8Array
  readonly onNotice: (text: string) => void
  readonly restartMs?: number
}

/** Its time is when versions were last pruned. */
const PRUNED = "state-pruned"

export const LOCKED = 'The state store is locked: run "skerry state unlock"'

/** The state store, by way of the server that has it. */
export class StateStore {
  readonly key: StoreKey
  readonly supervisor: Supervisor
  readonly #options: StateStoreOptions
  readonly #quotas = new Map<TreeName, number>()
  /** One opening at a time: two must not both find that there is no store. */
  #opening: Promise<FileServer> | undefined
  #pruning: Promise<void> | undefined

  constructor(options: StateStoreOptions) {
    this.#options = options
    this.key = new StoreKey(options.paths.configuration, options.randomBytes)
    this.supervisor = new Supervisor({
      ...options,
      name: "the state store",
      start: (signal) => this.#start(signal),
      prepare: (server) => this.#unlockAgain(server),
    })
  }

  /** The server, the store open; a store that was never used is made. Rejects with an error for people. */
  async open(): Promise<FileServer> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return await this.#opening
  }

  /** Opens the store for a tree, and bounds it as the configuration does; null: as `skerry state quota` said. */
  async openTree(tree: TreeName, quotaMiB: number | null): Promise<void> {
    const server = await this.open()
    if (quotaMiB === null) return
    const bytes = quotaMiB * 1024 * 1024
    if (this.#quotas.get(tree) === bytes) return
    await call(server, STATE_METHODS.stateSetQuota, { tree, bytes: BigInt(bytes), files: 0n })
    this.#quotas.set(tree, bytes)
  }

  /** Keeps the present as a version, if anything has changed. */
  async snapshot(tree: TreeName, reason: "stop" | "interval"): Promise<void> {
    await call(await this.open(), STATE_METHODS.stateSnapshot, { tree, reason, note: "" })
  }

  /** Once a day at most, whichever daemon: what the keep rule keeps no more is removed. Never rejects. */
  async pruneIfDue(): Promise<void> {
    if (!this.#isPruneDue()) return
    this.#pruning ??= this.#prune().finally(() => {
      this.#pruning = undefined
    })
    await this.#pruning
  }

  async isOpen(server: FileServer): Promise<boolean> {
    return (await call(server, STATE_METHODS.stateStatus, undefined)).status === "open"
  }

  async end(): Promise<void> {
    await this.supervisor.end()
  }

  async #start(signal: AbortSignal): Promise<FileServer> {
    const { server, limitMiB } = await this.#options.settings()
    checkPlace(this.#options.paths.state, server)
    const host = this.#options.hosts[server]
    if (host === undefined) {
      throw new DaemonError(
        "unusable",
        'This Skerry cannot run the state store in a machine of its own: set settings.state.server to "process"',
      )
    }
    return await host.start({ kind: "store", limitMiB }, signal)
  }

  async #open(): Promise<FileServer> {
    const server = await this.supervisor.server()
    const { status } = await call(server, STATE_METHODS.stateStatus, undefined)
    if (status === "open") return server
    if (status === "absent") {
      const key = this.key.file()
      await call(server, STATE_METHODS.stateUnlock, { key })
      this.key.hold(key)
      return server
    }
    if (await this.#tryKeys(server)) return server
    throw new DaemonError("wrong-state", LOCKED)
  }

  /** After a start anew: the clients of before are served only by an open store. */
  async #unlockAgain(server: FileServer): Promise<void> {
    this.#quotas.clear()
    const { status } = await call(server, STATE_METHODS.stateStatus, undefined)
    if (status === "locked") await this.#tryKeys(server)
  }

  /** False: none of the keys that are known is the store's. */
  async #tryKeys(server: FileServer): Promise<boolean> {
    for (const key of this.key.known()) {
      try {
        await call(server, STATE_METHODS.stateUnlock, { key })
        this.key.hold(key)
        return true
      } catch (error) {
        if (!(error instanceof RemoteError) || error.code !== "wrong-key") throw error
      }
    }
    return false
  }

  #isPruneDue(): boolean {
    const { now, paths } = this.#options
    const last = statSync(join(paths.state, PRUNED), { throwIfNoEntry: false })?.mtimeMs ?? 0
    // A clock that was set back must not put it off for longer than a day.
    return Math.abs(now() - last) >= TREE_LIMITS.pruneMs
  }

  async #prune(): Promise<void> {
    const { settings, now, paths, onNotice } = this.#options
    try {
      const { keep } = await settings()
      const server = await this.open()
      const asked = server.control.call(STATE_METHODS.statePrune, {
        tree: "",
        keep: sent(keep),
        dryRun: false,
      })
      asked.stdout.resume()
      await asked.result
      touch(paths.state, PRUNED, now())
    } catch (error) {
      onNotice(`versions could not be pruned: ${messageOf(error)}`)
    }
  }
}

const sent = ({ last, hourly, daily, weekly, monthly, yearly }: KeepRule) => ({
  ...{ last, hourly, daily, weekly, monthly, yearly },
})

/** A call whose streams carry nothing. */
export async function call<P, R>(
  server: FileServer,
  method: Method<P, R, undefined, unknown>,
  params: P,
): Promise<R> {
  const signal = AbortSignal.timeout(TREE_LIMITS.callMs)
  return await server.control.call(method as Method<P, R, undefined, never>, params, { signal }).result
}

function touch(directory: string, name: string, timeMs: number): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, name)
  closeSync(openSync(path, "a", 0o600))
  utimesSync(path, timeMs / 1000, timeMs / 1000)
}
