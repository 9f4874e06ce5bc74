import type { Digest } from "@skerry/model"
import type { Collection, StoreError } from "../object-store.ts"
import { Met, type NamedObject, NewObjects } from "./new-objects.ts"
import type { StateStore } from "./state-store.ts"
import { digestOfRow } from "./version-log.ts"

/** Nodes remembered while everything is marked; those forgotten are marked again. */
const MET_NODES = 300_000
/** Objects between two looks at the clock. */
const MARKED_AT_ONCE = 256
const SWEPT_AT_ONCE = 512

/**
 * Removes objects that no tree, version or reading names, a part at a time. It begins with a checkpoint: what the journal
 * names is put after that, and so is live.
 */
export class Collector {
  readonly #collection: Collection
  readonly #marks: Iterator<NamedObject>
  removed = 0
  freedBytes = 0
  marked = 0
  #isMarked = false
  isDone = false
  /** Why it was given up. */
  failure: StoreError | undefined

  constructor(store: StateStore) {
    store.checkpoint()
    this.#collection = store.objects.beginCollection()
    this.#marks = liveObjects(store)
    store.nodes.putBytes = 0
  }

  /** Goes on for about so many milliseconds. Throws StoreError "damaged": nobody knows what is live then. */
  step(now: () => number, ms: number): void {
    const end = now() + ms
    while (!this.isDone && now() < end) {
      if (this.#isMarked) this.#sweep()
      else this.#mark()
    }
  }

  #mark(): void {
    for (let count = 0; count < MARKED_AT_ONCE; count++) {
      const { done, value } = this.#marks.next()
      if (done === true) {
        this.#isMarked = true
        return
      }
      this.#collection.mark(value.kind, value.digest)
      this.marked += 1
    }
  }

  #sweep(): void {
    const { freedBytes, isDone, removed } = this.#collection.sweep(SWEPT_AT_ONCE)
    this.removed += removed
    this.freedBytes += freedBytes
    this.isDone = isDone
  }
}

function* liveObjects(store: StateStore): Generator<NamedObject, void, undefined> {
  const objects = new NewObjects(store.nodes, new Met(MET_NODES))
  const roots: Digest[] = [...store.pins.roots]
  const trees = store.names.map((name) => store.stored(name))
  for (const { state, versions } of trees) {
    for (const orphan of state.work.orphans.values())
      yield* objects.ofEntry(state.work.entryOf(orphan, ""), [])
    roots.push(...versions.rows.map(digestOfRow), state.work.keep())
  }
  let last: Digest | undefined
  for (const root of roots) {
    yield* objects.of(root, last === undefined ? [] : [last])
    last = root
  }
}
