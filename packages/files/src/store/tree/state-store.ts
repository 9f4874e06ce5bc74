import { parseTreeName } from "@skerry/model"
import { CallFailure } from "@skerry/rpc"
import type { FileTree } from "../../file-tree.ts"
import { type ObjectStore, StoreError } from "../object-store.ts"
import { guardedTree } from "./guarded-tree.ts"
import { Journal } from "./journal.ts"
import type { JournalFiles } from "./journal-files.ts"
import { KeptNodes } from "./kept-nodes.ts"
import { STATE_TREE } from "./limits.ts"
import { Pins } from "./pins.ts"
import {
  decodeLife,
  encodeLife,
  encodeTree,
  JOURNAL_RECORD,
  TREE_RECORDS,
  treeOfRecord,
  treeRecordName,
} from "./records.ts"
import { Replay } from "./replay.ts"
import { loadTree, newTree, recordOf, type StoredTree } from "./stored-tree.ts"
import type { TreeHost } from "./tree-host.ts"
import type { RecordChanges } from "./version-log.ts"

export interface StateStoreOptions {
  /** Owned, like the journal's files. */
  readonly objects: ObjectStore
  readonly journal: JournalFiles
  /** Milliseconds since 1970, with fractions. */
  readonly now: () => number
  /** What went wrong where nobody waited for it. */
  readonly onTrouble: (error: unknown) => void
  /** After each turn of a tree. */
  readonly onTurn?: () => void
}

/** All trees of a store, and the journal that they share. */
export class StateStore implements Disposable {
  readonly objects: ObjectStore
  readonly nodes: KeptNodes
  readonly pins = new Pins()
  readonly #options: StateStoreOptions
  readonly #journal: Journal
  readonly #trees = new Map<string, StoredTree>()
  readonly #host: TreeHost
  #lastTime = 0n
  /** Bytes that may be put before the file system is looked at again. */
  #roomBytes = 0
  /** Changes that became objects since the journal began its life. */
  #keptChanges = 0
  #failure: StoreError | undefined

  /** Brings back what the journal knows. Throws StoreError. */
  constructor(options: StateStoreOptions) {
    this.objects = options.objects
    this.#options = options
    this.nodes = new KeptNodes(options.objects)
    this.#journal = new Journal(
      options.objects,
      options.journal,
      decodeLife(this.objects.record(JOURNAL_RECORD)),
    )
    this.#host = this.#makeHost()
    this.#recover()
  }

  /** Made if it is not there. Throws InvalidName. */
  tree(untrustedName: string): FileTree {
    return this.stored(untrustedName, "make").files
  }

  /** Throws CallFailure "unknown-tree". */
  stored(untrustedName: string, missing: "make" | "fail" = "fail"): StoredTree {
    const name = parseTreeName(untrustedName)
    const known = this.#trees.get(name)
    if (known !== undefined) return known
    const record = this.objects.record(treeRecordName(name))
    if (record === undefined && missing === "fail") {
      throw new CallFailure("unknown-tree", `There is no tree ${name}`)
    }
    const tree =
      record === undefined
        ? newTree(this.nodes, name, this.#host)
        : loadTree(this.nodes, name, this.#host, record)
    this.#trees.set(name, { ...tree, files: guardedTree(tree.state) })
    if (record === undefined) this.#orForget(name, () => this.checkpoint())
    return this.stored(name)
  }

  get names(): readonly string[] {
    const names = new Set(this.objects.records(TREE_RECORDS).map(treeOfRecord))
    return [...names].sort()
  }

  now(): number {
    return this.#options.now()
  }

  /** A tree is removed with the commit of `changes`. */
  forget(name: string): void {
    this.#trees.get(name)?.state.work.end()
    this.#trees.delete(name)
  }

  /** Everything becomes objects and records, durably, and the journal begins anew. */
  checkpoint(changes: RecordChanges = new Map()): void {
    if (this.#failure !== undefined) throw this.#failure
    for (const [name, tree] of this.#trees) {
      if (changes.has(treeRecordName(name))) continue
      changes.set(treeRecordName(name), encodeTree(recordOf(tree)))
    }
    this.#journal.beginAnew((life) => {
      this.#orFail(() => this.objects.commit(changes.set(JOURNAL_RECORD, encodeLife(life))))
    })
    this.#keptChanges = 0
    for (const { state } of this.#trees.values()) {
      state.log.clear()
      state.log.life = this.#journal.life
    }
  }

  /** Says what went wrong to whoever has the store. */
  report(error: unknown): void {
    this.#options.onTrouble(error)
  }

  /** Changes become objects, so that a snapshot finds little to do. */
  keep(): void {
    for (const { state } of this.#trees.values()) {
      this.#keptChanges += state.work.changes
      state.work.keep()
    }
  }

  /** True: a checkpoint would change something. */
  get hasChanges(): boolean {
    return !this.#journal.isEmpty || [...this.#trees.values()].some(({ state }) => state.work.changes > 0)
  }

  /** Removed nodes that nobody has reclaimed since the store was opened are gone for good. */
  forgetOrphans(): void {
    for (const { state } of this.#trees.values()) {
      for (const orphan of [...state.work.orphans.values()]) if (orphan.holds === 0) state.forget(orphan)
    }
  }

  /** What is held is there again when the store is opened again. */
  [Symbol.dispose](): void {
    try {
      if (this.#failure === undefined) {
        this.forgetOrphans()
        this.checkpoint()
      }
    } finally {
      this.abandon()
    }
  }

  /** Closes without making anything durable: the journal has it all. For tests, and where closing failed. */
  abandon(): void {
    this.#options.journal[Symbol.dispose]()
    this.objects[Symbol.dispose]()
  }

  #recover(): void {
    const replays = new Map<string, Replay>()
    for (const { ops, tree } of this.#journal.turns()) {
      // One that was removed has nothing to bring back.
      if (this.objects.record(treeRecordName(tree)) === undefined) continue
      const replay =
        replays.get(tree) ??
        new Replay(this.stored(tree).state.work, (error) => this.#options.onTrouble(error))
      replays.set(tree, replay)
      if (!replay.turn(ops)) break
      this.#makeObjects()
    }
    for (const replay of replays.values()) replay.end()
    this.checkpoint()
  }

  #makeHost(): TreeHost {
    const store = this
    return {
      get life() {
        return store.#journal.life
      },
      now: () => this.#now(),
      append: (tree, ops, isMore) => this.#append(tree, ops, isMore),
      synchronise: () => this.#orFail(() => this.#journal.synchronise()),
      expectRoom: (bytes) => this.expectRoom(bytes),
      afterTurn: () => this.#afterTurn(),
      space: () => this.objects.space(),
    }
  }

  #now(): bigint {
    const now = BigInt(Math.floor(this.#options.now() * 1e3)) * 1000n
    this.#lastTime = now > this.#lastTime ? now : this.#lastTime + 1n
    return this.#lastTime
  }

  #append(tree: string, ops: Uint8Array, isMore: boolean): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#journal.append(tree, ops, isMore)
  }

  /**
   * After a failed sync or commit nobody knows what is on disk, nor which life of the journal counts: nothing is promised any
   * more until the store is opened again.
   */
  #orFail(write: () => void): void {
    if (this.#failure !== undefined) throw this.#failure
    try {
      write()
    } catch (cause) {
      if (cause instanceof StoreError && cause.code === "no-space") throw cause
      this.#failure = new StoreError("io", "The store cannot be written to disk", { cause })
      throw this.#failure
    }
  }

  #orForget(name: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#trees.delete(name)
      throw error
    }
  }

  /** For what is new. Throws "no-space" where only as much is left as it takes to get emptier. */
  expectRoom(bytes: number): void {
    if (this.#roomBytes < bytes) {
      this.#roomBytes = (this.objects.space().freeBytes - STATE_TREE.reserveBytes) / 4
    }
    if (this.#roomBytes < bytes) throw new StoreError("no-space", "There is no space left for the store")
    this.#roomBytes -= bytes
  }

  #afterTurn(): void {
    this.#options.onTurn?.()
    try {
      this.#makeObjects()
      if (this.#journal.bytes > STATE_TREE.journalBytes || this.#keptChanges > STATE_TREE.journalChanges) {
        this.checkpoint()
      }
    } catch (error) {
      this.#options.onTrouble(error) // it is tried again after the next turn
    }
  }

  /** Of what has changed, if there is much in memory. */
  #makeObjects(): void {
    let bytes = 0
    let changes = 0
    for (const { state } of this.#trees.values()) {
      bytes += state.work.changed.bytes
      changes += state.work.changes
    }
    if (bytes > STATE_TREE.changedBytes) this.#putChunks(bytes)
    if (changes > STATE_TREE.changedNodes) this.keep()
  }

  /** Half of what waits, so that it is not done for each turn. */
  #putChunks(bytes: number): void {
    let excess = bytes - STATE_TREE.changedBytes / 2
    for (const { state } of this.#trees.values()) {
      const { changed } = state.work
      for (const file of changed.files) {
        if (excess <= 0) return
        const before = changed.bytes
        file.putChunks()
        excess -= before - changed.bytes
      }
    }
  }
}
