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
import type { Changes } from "./database.ts"
import { checkDatabase } from "./database-check.ts"
import { bytesOfDigest, digestBytes } from "./digest-of.ts"
import {
  decodeIndexEntry,
  encodeIndexEntry,
  type IndexEntry,
  type SegmentEntry,
  storedBytesOf,
} from "./index-entry.ts"
import { LiveSet } from "./live-set.ts"
import { kindOf } from "./object-files.ts"
import { PendingEntries } from "./pending-entries.ts"
import { unsealWhole } from "./sealing.ts"
import { entryBytes } from "./segment-entry.ts"
import { asStoreError } from "./store-errors.ts"
import type { StoreParts } from "./store-parts.ts"
import { sweepObjects } from "./sweep.ts"
import { decodeRecord, type Freed, readTables, type StoreCounts, TableWriter } from "./tables.ts"
import { verifyObjects } from "./verify.ts"

/** An open store. Takes ownership of its parts. */
export class DiskObjectStore implements ObjectStore {
  readonly #parts: StoreParts
  readonly #tables: TableWriter
  readonly #recordNames: Set<string>
  readonly #pending = new PendingEntries()
  /** Found since the store was opened: as good as missing, so that putting them again mends them. */
  readonly #damaged = new Set<string>()
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
    if (this.isKnown(key)) {
      if (!this.#damaged.has(`${kind} ${text}`)) return text
      this.#forget(key)
      this.#damaged.delete(`${kind} ${text}`)
    }
    this.#alive()
    const prepared = this.#parts.files.prepare(content)
    this.#parts.bound.take(this.#parts.files.storedBytes(kind, prepared.body), () => this.#storedBytes())
    if (this.#pending.isFull) this.commit(new Map())
    const value = this.#guard(() => this.#parts.files.write(kind, key, prepared))
    this.#pending.add(key, value, kind, decodeIndexEntry(value)?.kind === "inline")
    return text
  }

  /** Entries that were found in tails of segments when the store was opened. */
  adopt(objectKey: Buffer, entry: SegmentEntry): void {
    this.#pending.add(objectKey, encodeIndexEntry(entry), kindOf(objectKey), false)
  }

  isKnown(objectKey: Buffer): boolean {
    return this.#pending.has(objectKey) || this.#parts.database.has(objectKey)
  }

  get(kind: ObjectKind, digest: Digest): Uint8Array {
    const key = this.#keyOf(kind, digest)
    const entry = this.#entry(key)
    if (entry === undefined) throw new StoreError("damaged", `The ${kind} ${digest} is missing`)
    const content = this.#guard(() => this.#parts.files.read(key, entry))
    if (content instanceof Uint8Array) return content
    this.#damaged.add(`${kind} ${digest}`)
    throw new StoreError("damaged", `The ${kind} ${digest} is damaged: ${content.problem}`)
  }

  has(kind: ObjectKind, digest: Digest): boolean {
    const key = this.#keyOf(kind, digest)
    this.#live?.add(key)
    return this.isKnown(key) && !this.#damaged.has(`${kind} ${digest}`)
  }

  storedBytes(kind: ObjectKind, digest: Digest): number {
    const entry = this.#entry(this.#keyOf(kind, digest))
    return entry === undefined ? 0 : storedBytesOf(entry)
  }

  flush(): void {
    this.#alive()
    if (this.#pending.hasInlineChunks) this.commit(new Map())
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

  beginCollection(): Collection {
    const live = new LiveSet(this.#counts.objects + this.#pending.count, this.#parts.randomBytes)
    for (const [key] of this.#pending.all()) live.add(key)
    this.#live = live
    let after: Buffer | undefined
    const used = new Set<number>()
    return {
      mark: (kind, digest) => live.add(this.#keyOf(kind, digest)),
      sweep: (most) => {
        if (this.#live !== live) return { isDone: true, removed: 0, freedBytes: 0 }
        const swept = sweepObjects(this.#parts.database, this.#parts.segments, live, after, most, used)
        if (swept.changes.length > 0) this.#writeWithout(swept.changes, swept.freed)
        after = swept.after
        if (after === undefined) {
          this.#live = undefined
          this.#guard(() => this.#parts.segments.removeEmpty(used))
        }
        return { isDone: after === undefined, removed: swept.removed, freedBytes: swept.freedBytes }
      },
    }
  }

  verify(cursor: string | undefined, most: number) {
    const { database, databasePath, files, keys } = this.#parts
    if (this.#pending.count > 0) this.commit(new Map())
    return this.#guard(() => {
      if (cursor === undefined) {
        checkDatabase(databasePath)
        readTables(database, keys)
      }
      const part = verifyObjects(database, files, cursor, most)
      for (const { kind, digest } of part.damage) this.#damaged.add(`${kind} ${digest}`)
      return part
    })
  }

  space() {
    const storedBytes = this.#storedBytes()
    const freeBytes = this.#parts.bound.freeBytes(storedBytes)
    return { storedBytes, freeBytes, objects: this.#counts.objects + this.#pending.count }
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
      if (this.#failure === undefined && this.#pending.count > 0) this.commit(new Map())
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
      objects: this.#counts.objects + this.#pending.count + objects,
    }
    const segmentChanges = [...segments.takeChanges()].map(([number, of]) => this.#tables.segment(number, of))
    const tables = [this.#tables.counts(counts), this.#tables.freed(freed), ...segmentChanges]
    this.#commit([...this.#pending.all(), ...changes, ...tables])
    this.#counts = counts
    this.#pending.clear()
    segments.changesAreKept()
    this.giveBack(freed)
  }

  /** Space of entries that no committed index knows. */
  giveBack(freed: readonly Freed[]): void {
    for (const { location, bytes } of freed) this.#guard(() => this.#parts.segments.free(location, bytes))
  }

  #forget(key: Buffer): void {
    const entry = this.#entry(key)
    const isInline = entry === undefined || entry.kind === "inline"
    const freed = isInline ? [] : [{ location: entry.location, bytes: entryBytes(entry.bodyBytes) }]
    for (const { location, bytes } of freed) this.#parts.segments.drop(location, bytes)
    this.#writeWithout([[key, undefined]], freed)
  }

  /** Removes objects. What was dropped from the counts of segments counts again where that fails. */
  #writeWithout(changes: readonly (readonly [Buffer, undefined])[], freed: readonly Freed[]): void {
    try {
      this.#write(changes, freed, -changes.length)
    } catch (error) {
      for (const { location, bytes } of freed) this.#parts.segments.keep(location, bytes)
      throw error
    }
  }

  #entry(key: Buffer): IndexEntry | undefined {
    const value = this.#pending.get(key) ?? this.#parts.database.get(key)
    return value === undefined ? undefined : decodeIndexEntry(value)
  }

  #keyOf(kind: ObjectKind, digest: Digest): Buffer {
    return this.#parts.keys.objectKey(kind, bytesOfDigest(digest))
  }

  #storedBytes(): number {
    return statSync(this.#parts.databasePath).size + this.#parts.segments.storedBytes + this.#pending.bytes
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
