import { statSync } from "node:fs"
import type { Digest } from "@skerry/model"
import {
  type Collection,
  OBJECT_LIMITS,
  type ObjectKind,
  type ObjectStore,
  StoreError,
  type StoreKey,
} from "../object-store.ts"
import type { Changes, Database } from "./database.ts"
import { checkDatabase } from "./database-check.ts"
import { bytesOfDigest, digestBytes } from "./digest-of.ts"
import { decodeIndexEntry, encodeIndexEntry, type IndexEntry, storedBytesOf } from "./index-entry.ts"
import { LiveSet } from "./live-set.ts"
import type { ObjectFiles } from "./object-files.ts"
import { type Sealer, unsealWhole } from "./sealing.ts"
import type { Segments } from "./segments.ts"
import type { SpaceBound } from "./space-bound.ts"
import { asStoreError } from "./store-errors.ts"
import type { StoreKeys } from "./store-keys.ts"
import { sweepObjects } from "./sweep.ts"
import { decodeRecord, type Freed, readTables, type StoreCounts, TableWriter } from "./tables.ts"
import { verifyObjects } from "./verify.ts"

/** Bytes of entries of the index that wait in memory for a commit: with more, one is made. */
const PENDING_BYTES = 8 * 2 ** 20

export interface StoreParts {
  readonly databasePath: string
  readonly database: Database
  readonly segments: Segments
  readonly keys: StoreKeys
  readonly sealer: Sealer
  readonly files: ObjectFiles
  readonly bound: SpaceBound
  readonly counts: StoreCounts
  readonly recordNames: ReadonlySet<string>
  readonly randomBytes: (count: number) => Uint8Array
  readonly changeKey: (present: StoreKey, next: StoreKey) => void
  /** Lets go of the store's lock. */
  readonly unlock: () => void
}

/** An open store. Takes ownership of its parts. */
export class DiskObjectStore implements ObjectStore {
  readonly #parts: StoreParts
  readonly #tables: TableWriter
  readonly #recordNames: Set<string>
  /** Entries of the index since the last commit, by object key in latin1. */
  readonly #pending = new Map<string, Buffer>()
  #pendingBytes = 0
  /** Chunks that a segment's sync does not make durable, because they stand in the index. */
  #hasPendingChunks = false
  #counts: StoreCounts
  #live: LiveSet | undefined
  /** What failed so that nothing can be known to be on disk any more. */
  #failure: StoreError | undefined
  #isClosed = false

  constructor(parts: StoreParts) {
    this.#parts = parts
    this.#tables = new TableWriter(parts.keys, parts.sealer)
    this.#recordNames = new Set(parts.recordNames)
    this.#counts = parts.counts
  }

  put(kind: ObjectKind, content: Uint8Array): Digest {
    if (content.length > OBJECT_LIMITS.objectBytes) {
      throw new RangeError(`Cannot keep an object of ${content.length} bytes`)
    }
    const digest = digestBytes(kind, content)
    const text = `sha256:${digest.toString("hex")}` as Digest
    const key = this.#parts.keys.objectKey(kind, digest)
    this.#live?.add(key)
    const pendingKey = key.toString("latin1")
    if (this.#pending.has(pendingKey) || this.#parts.database.has(key)) return text
    this.#alive()
    const prepared = this.#parts.files.prepare(content)
    this.#parts.bound.take(this.#parts.files.storedBytes(kind, prepared.body), () => this.#storedBytes())
    if (this.#pendingBytes > PENDING_BYTES) this.commit(new Map())
    const value = this.#guard(() => this.#parts.files.write(kind, key, prepared))
    this.#await(pendingKey, value, kind)
    return text
  }

  /** Entries that were found in tails of segments when the store was opened. */
  adopt(objectKey: Buffer, entry: IndexEntry): void {
    this.#await(objectKey.toString("latin1"), encodeIndexEntry(entry), "node")
  }

  isKnown(objectKey: Buffer): boolean {
    return this.#pending.has(objectKey.toString("latin1")) || this.#parts.database.has(objectKey)
  }

  get(kind: ObjectKind, digest: Digest): Uint8Array {
    const key = this.#keyOf(kind, digest)
    const entry = this.#entry(key)
    if (entry === undefined) throw new StoreError("damaged", `The ${kind} ${digest} is missing`)
    const content = this.#guard(() => this.#parts.files.read(key, entry))
    if (content instanceof Uint8Array) return content
    throw new StoreError("damaged", `The ${kind} ${digest} is damaged: ${content.problem}`)
  }

  has(kind: ObjectKind, digest: Digest): boolean {
    return this.isKnown(this.#keyOf(kind, digest))
  }

  storedBytes(kind: ObjectKind, digest: Digest): number {
    const entry = this.#entry(this.#keyOf(kind, digest))
    return entry === undefined ? 0 : storedBytesOf(entry)
  }

  flush(): void {
    this.#alive()
    if (this.#hasPendingChunks) this.commit(new Map())
    else this.#synchronise()
  }

  commit(records: ReadonlyMap<string, Uint8Array | undefined>): void {
    const changes = [...records].map(([name, value]) => {
      if (Buffer.byteLength(name) > OBJECT_LIMITS.recordNameBytes) {
        throw new RangeError(`Cannot name a record ${JSON.stringify(name)}: too long`)
      }
      return this.#tables.record(name, value)
    })
    this.#write(changes, [], 0)
    for (const [name, value] of records) {
      if (value === undefined) this.#recordNames.delete(name)
      else this.#recordNames.add(name)
    }
  }

  record(name: string): Uint8Array | undefined {
    const key = this.#parts.keys.recordKey(name)
    const sealed = this.#parts.database.get(key)
    return sealed === undefined ? undefined : decodeRecord(this.#parts.keys, key, sealed).value
  }

  records(prefix: string): readonly string[] {
    return [...this.#recordNames].filter((name) => name.startsWith(prefix)).sort(compareBytes)
  }

  seal(context: string, plain: Uint8Array): Uint8Array {
    return this.#parts.sealer.sealWhole(this.#parts.keys.journal, Buffer.from(context), plain)
  }

  open(context: string, sealed: Uint8Array): Uint8Array | undefined {
    return unsealWhole(this.#parts.keys.journal, Buffer.from(context), sealed)
  }

  orderOf(name: string): bigint {
    return this.#parts.keys.orderOf(name)
  }

  beginCollection(): Collection {
    const live = new LiveSet(this.#counts.objects + this.#pending.size, this.#parts.randomBytes)
    for (const key of this.#pending.keys()) live.add(Buffer.from(key, "latin1"))
    this.#live = live
    let after: Buffer | undefined
    return {
      mark: (kind, digest) => live.add(this.#keyOf(kind, digest)),
      sweep: (most) => {
        if (this.#live !== live) return { isDone: true, removed: 0, freedBytes: 0 }
        const swept = sweepObjects(this.#parts.database, this.#parts.segments, live, after, most)
        try {
          if (swept.changes.length > 0) this.#write(swept.changes, swept.freed, -swept.removed)
        } catch (error) {
          for (const { location, bytes } of swept.freed) this.#parts.segments.keep(location, bytes)
          throw error
        }
        after = swept.after
        if (after === undefined) this.#live = undefined
        return { isDone: after === undefined, removed: swept.removed, freedBytes: swept.freedBytes }
      },
    }
  }

  verify(cursor: string | undefined, most: number) {
    const { database, databasePath, files, keys } = this.#parts
    if (this.#pending.size > 0) this.commit(new Map())
    return this.#guard(() => {
      if (cursor === undefined) {
        checkDatabase(databasePath)
        readTables(database, keys)
      }
      return verifyObjects(database, files, cursor, most)
    })
  }

  space() {
    const storedBytes = this.#storedBytes()
    const freeBytes = this.#parts.bound.freeBytes(storedBytes)
    return { storedBytes, freeBytes, objects: this.#counts.objects + this.#pending.size }
  }

  changeKey(present: StoreKey, next: StoreKey): void {
    this.#guard(() => this.#parts.changeKey(present, next))
  }

  /** Commits what is pending, if that is still possible. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { database, segments, unlock } = this.#parts
    try {
      if (this.#failure === undefined && this.#pending.size > 0) this.commit(new Map())
    } finally {
      this.#failure ??= new StoreError("io", "The store is closed")
      segments[Symbol.dispose]()
      database[Symbol.dispose]()
      unlock()
    }
  }

  /** One durable transaction of everything pending and these changes; then gives back what they freed. */
  #write(
    changes: readonly (readonly [Uint8Array, Uint8Array | undefined])[],
    freed: readonly Freed[],
    objects: number,
  ): void {
    this.#alive()
    const { segments } = this.#parts
    this.#synchronise()
    const counts = {
      ...this.#counts,
      lastSegment: segments.lastNumber,
      objects: this.#counts.objects + this.#pending.size + objects,
    }
    const segmentChanges = [...segments.takeChanges()].map(([number, of]) => this.#tables.segment(number, of))
    const pending = [...this.#pending].map(([key, value]) => [Buffer.from(key, "latin1"), value] as const)
    const tables = [this.#tables.counts(counts), this.#tables.freed(freed), ...segmentChanges]
    this.#commit([...pending, ...changes, ...tables])
    this.#counts = counts
    this.#pending.clear()
    this.#pendingBytes = 0
    this.#hasPendingChunks = false
    segments.changesAreKept()
    this.giveBack(freed)
  }

  /** Space of entries that no committed index knows. */
  giveBack(freed: readonly Freed[]): void {
    for (const { location, bytes } of freed) this.#guard(() => this.#parts.segments.free(location, bytes))
  }

  #await(pendingKey: string, value: Buffer, kind: ObjectKind): void {
    this.#pending.set(pendingKey, value)
    this.#pendingBytes += pendingKey.length + value.length
    if (kind === "chunk" && decodeIndexEntry(value)?.kind === "inline") this.#hasPendingChunks = true
  }

  #entry(key: Buffer): IndexEntry | undefined {
    const value = this.#pending.get(key.toString("latin1")) ?? this.#parts.database.get(key)
    return value === undefined ? undefined : decodeIndexEntry(value)
  }

  #keyOf(kind: ObjectKind, digest: Digest): Buffer {
    return this.#parts.keys.objectKey(kind, bytesOfDigest(digest))
  }

  #storedBytes(): number {
    return statSync(this.#parts.databasePath).size + this.#parts.segments.storedBytes + this.#pendingBytes
  }

  #alive(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** After a sync that failed, the kernel may have dropped what it could not write: only reading goes on. */
  #synchronise(): void {
    try {
      this.#guard(() => this.#parts.segments.synchronise())
    } catch (error) {
      this.#failure = error as StoreError
      throw error
    }
  }

  #commit(changes: Changes): void {
    try {
      this.#parts.database.commit(changes)
    } catch (error) {
      // Without space the transaction was given up before any of it counted.
      if (!(error instanceof StoreError && error.code === "no-space")) this.#failure = error as StoreError
      throw error
    }
  }

  #guard<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw asStoreError(error, "Cannot use the store")
    }
  }
}

const compareBytes = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right))
