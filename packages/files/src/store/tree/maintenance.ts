import { StoreError } from "../object-store.ts"
import { Collector } from "./collector.ts"
import { STATE_TREE } from "./limits.ts"
import type { StateStore } from "./state-store.ts"

export const MAINTENANCE = {
  /** How often it is looked whether a store that somebody uses is at rest for a moment. */
  lookMs: 250,
  /** Changes wait no longer than this in the journal. */
  checkpointMs: 30_000,
  /** Removed files that clients held wait so long for them after the server was started anew. */
  orphansMs: 10 * 60_000,
  /** Bytes put since the last collection, before the next: at least this, and half of what there is. */
  garbageBytes: 256 * 1024 * 1024,
  /** What one part of a collection takes from clients. */
  sliceMs: 5,
  /** How long parts wait for each other. */
  pauseMs: 20,
  /** Objects that were sent wait so long for a version that names them. */
  adoptMs: 60 * 60_000,
  /** The same, once a tree was adopted. */
  nextAdoptionMs: 30_000,
} as const

export interface Clock {
  after(ms: number, action: () => void): () => void
  now(): number
}

type Collected = Pick<Collector, "failure" | "freedBytes">
type OnCollected = (collected: Collected) => void

const asStoreError = (error: unknown) =>
  error instanceof StoreError ? error : new StoreError("io", String(error))

/** What a store does when nobody waits for it. */
export class Maintenance implements Disposable {
  readonly #store: StateStore
  readonly #clock: Clock
  readonly #onTrouble: (error: unknown) => void
  #turns = 0
  #seenTurns = 0
  #isLooking = false
  #checkpointAt = 0
  #collector: Collector | undefined
  #onCollected: OnCollected[] = []
  /** Those who asked while a collection was under way: it may have marked what they had removed. */
  #onNext: OnCollected[] = []
  #noCollectionBefore = 0
  #isOpen = true

  constructor(store: StateStore, clock: Clock, onTrouble: (error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#onTrouble = onTrouble
    clock.after(MAINTENANCE.orphansMs, () => this.#guard(() => store.forgetOrphans()))
  }

  /** To be called after each turn of a tree. */
  turn(): void {
    this.#turns += 1
    if (!this.#isLooking) this.#lookLater()
  }

  /** Objects have come that nothing names yet. */
  expectAdoption(): void {
    this.#noCollectionBefore = this.#clock.now() + MAINTENANCE.adoptMs
  }

  /** A tree has been adopted; of several whose objects have come together, the next follows soon. */
  adopted(): void {
    this.#noCollectionBefore = this.#clock.now() + MAINTENANCE.nextAdoptionMs
  }

  get mayCollect(): boolean {
    return this.#clock.now() >= this.#noCollectionBefore
  }

  /** Removes what nothing names by now, after a collection that is under way; calls back when that is done, or failed. */
  collect(onDone: OnCollected): void {
    this.#onNext.push(onDone)
    if (this.#collector === undefined) this.#beginCollection()
  }

  /** Objects that the collection which is under way has found to be of use. */
  get marked(): number {
    return this.#collector?.marked ?? 0
  }

  [Symbol.dispose](): void {
    this.#isOpen = false
  }

  #lookLater(): void {
    this.#isLooking = true
    if (this.#checkpointAt === 0) this.#checkpointAt = this.#clock.now() + MAINTENANCE.checkpointMs
    this.#clock.after(MAINTENANCE.lookMs, () => this.#guard(() => this.#look()))
  }

  #look(): void {
    this.#isLooking = false
    const isAtRest = this.#turns === this.#seenTurns
    this.#seenTurns = this.#turns
    if (this.#clock.now() >= this.#checkpointAt) {
      this.#checkpointAt = 0
      this.#store.checkpoint()
      this.#collectIfNeeded()
      if (isAtRest) return
    } else if (isAtRest) this.#store.keep()
    this.#lookLater()
  }

  #collectIfNeeded(): void {
    if (!this.mayCollect || this.#collector !== undefined) return
    const { putBytes } = this.#store.nodes
    const { freeBytes, storedBytes } = this.#store.objects.space()
    const isFull = freeBytes < 4 * STATE_TREE.reserveBytes && putBytes > STATE_TREE.changedBytes
    if (isFull || putBytes > Math.max(MAINTENANCE.garbageBytes, storedBytes / 2)) this.collect(() => {})
  }

  #collectOn(): void {
    const collector = this.#collector
    if (!this.#isOpen || collector === undefined) return
    try {
      collector.step(() => this.#clock.now(), MAINTENANCE.sliceMs)
      if (!collector.isDone) {
        this.#clock.after(MAINTENANCE.pauseMs, () => this.#collectOn())
        return
      }
    } catch (error) {
      collector.failure = asStoreError(error)
      this.#onTrouble(error)
    }
    this.#endCollection(collector)
  }

  #beginCollection(): void {
    this.#onCollected = this.#onNext.splice(0)
    try {
      this.#collector = new Collector(this.#store)
      this.#clock.after(0, () => this.#collectOn())
    } catch (error) {
      this.#endCollection({ failure: asStoreError(error), freedBytes: 0 })
    }
  }

  #endCollection(collected: Collected): void {
    this.#collector = undefined
    for (const onDone of this.#onCollected.splice(0)) onDone(collected)
    if (this.#onNext.length > 0) this.#beginCollection()
  }

  #guard(act: () => void): void {
    if (!this.#isOpen) return
    try {
      act()
    } catch (error) {
      this.#onTrouble(error)
    }
  }
}
