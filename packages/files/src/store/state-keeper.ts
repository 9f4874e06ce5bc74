import { existsSync } from "node:fs"
import { join } from "node:path"
import { CallFailure, type StateKey } from "@skerry/rpc"
import type { StoreKey } from "./object-store.ts"
import { kindOfKey } from "./objects/key-file.ts"
import { type OpenObjectStore, openObjectStore } from "./objects/open-object-store.ts"
import { journalFilesIn } from "./tree/journal-files.ts"
import { type Clock, Maintenance } from "./tree/maintenance.ts"
import { StateStore } from "./tree/state-store.ts"
import { Versions } from "./tree/versions.ts"

export interface StateKeeperOptions {
  /** The store's own; made where it is missing. */
  readonly directory: string
  /** What all of it may take on disk. */
  readonly limitBytes: number
  readonly linux: OpenObjectStore["linux"]
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
  /** Milliseconds since 1970, with fractions. */
  readonly now: () => number
  readonly log: (line: string) => void
}

export interface OpenState {
  readonly store: StateStore
  readonly versions: Versions
  readonly maintenance: Maintenance
}

/** The store of a directory, which is opened once its key is given. Below the directory: `objects/` and `journal/`. */
export class StateKeeper implements Disposable {
  readonly clock: Clock
  readonly #options: StateKeeperOptions
  #open: OpenState | undefined

  constructor(options: StateKeeperOptions) {
    this.#options = options
    this.clock = options.clock
  }

  /** Throws CallFailure "no-store" or "locked". */
  get open(): OpenState {
    if (this.#open !== undefined) return this.#open
    if (this.#exists) throw new CallFailure("locked", "The state store has not been unlocked")
    throw new CallFailure("no-store", "There is no state store yet")
  }

  status() {
    const key = this.#exists ? spoken(kindOfKey(this.#keys)) : "none"
    if (this.#open === undefined) {
      const status: "absent" | "locked" = this.#exists ? "locked" : "absent"
      return { status, key, storedBytes: 0n, freeBytes: 0n } as const
    }
    const { freeBytes, storedBytes } = this.#open.store.objects.space()
    const free = Number.isFinite(freeBytes) ? Math.max(0, Math.floor(freeBytes)) : 0
    return { status: "open", key, storedBytes: BigInt(storedBytes), freeBytes: BigInt(free) } as const
  }

  /** Opens the store, or makes it. Where it is open already, the key is not looked at. */
  unlock(key: StateKey): void {
    if (this.#open !== undefined) return
    const { clock, directory, limitBytes, linux, log, now, randomBytes } = this.#options
    const objects = openObjectStore({
      directory: join(directory, "objects"),
      key: storeKey(key),
      linux,
      create: true,
      limitBytes,
      randomBytes,
      now,
    })
    const owned = new DisposableStack()
    owned.use(objects)
    const journal = owned.use(journalFilesIn(join(directory, "journal")))
    const onTrouble = (error: unknown) => log(`the state store: ${String(error)}`)
    try {
      let maintenance: Maintenance | undefined
      const onTurn = () => maintenance?.turn()
      const store = new StateStore({ objects, journal, now, onTrouble, onTurn })
      maintenance = new Maintenance(store, clock, onTrouble)
      this.#open = { store, versions: new Versions(store), maintenance }
      owned.move()
    } catch (error) {
      owned.dispose()
      throw error
    }
  }

  /** Throws StoreError "wrong-key" where `present` does not fit. */
  setKey(present: StateKey, next: StateKey): void {
    this.open.store.objects.changeKey(storeKey(present), storeKey(next))
  }

  /** Everything is durable when it returns. */
  [Symbol.dispose](): void {
    const open = this.#open
    this.#open = undefined
    if (open === undefined) return
    open.maintenance[Symbol.dispose]()
    open.store[Symbol.dispose]()
  }

  get #keys(): string {
    return join(this.#options.directory, "objects", "keys")
  }

  get #exists(): boolean {
    return existsSync(this.#keys)
  }
}

const spoken = (kind: StoreKey["kind"]) => (kind === "passphrase" ? "passphrase" : "keyFile")

function storeKey(key: StateKey): StoreKey {
  return key.kind === "passphrase"
    ? { kind: "passphrase", passphrase: key.passphrase }
    : { kind: "key-file", bytes: Uint8Array.from(key.content) }
}
