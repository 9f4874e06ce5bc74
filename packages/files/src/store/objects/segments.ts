import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writevSync,
} from "node:fs"
import { join } from "node:path"
import { StoreError } from "../object-store.ts"
import { syncDirectory } from "./key-file.ts"
import { type Location, wholeBlocks } from "./segment-entry.ts"

/** Counts of one segment, kept in the index with each commit. */
export interface SegmentCounts {
  /** Everything before it is in the index or of no use; what follows is found again by reading. */
  readonly indexedBytes: number
  readonly liveBytes: number
  readonly liveEntries: number
}

interface Segment {
  readonly number: number
  fd: number | undefined
  /** Where the next entry goes: a multiple of BLOCK_BYTES. */
  endBytes: number
  liveBytes: number
  liveEntries: number
  isSynced: boolean
  /** Its counts differ from those in the index. */
  isChanged: boolean
}

export interface SegmentOptions {
  readonly directory: string
  /** A segment that has reached it gets nothing more. */
  readonly segmentBytes: number
  /** Gives space back; where the file system cannot, it stays taken. */
  readonly punchHole: (fd: number, offset: number, length: number) => void
  /** Has the kernel begin to write them to disk, so that synchronising does not wait for all of it. */
  readonly startWriting: (fd: number, offset: number, length: number) => void
}

/** Of new bytes, to begin writing to disk at once. */
const STARTED_BYTES = 8 * 2 ** 20
/** Descriptors kept open; of a terabyte there are four thousand files. */
const MOST_OPEN = 64

/** Files that are only ever appended to, and in which holes are punched. Errors are Node's own. */
export class Segments implements Disposable {
  readonly #options: SegmentOptions
  readonly #segments = new Map<number, Segment>()
  readonly #open = new Set<Segment>()
  /** Of which the index does not know yet that they are gone. */
  readonly #removed = new Set<number>()
  #last: Segment | undefined
  #lastNumber: number
  #storedBytes = 0

  /** `counts`: of all segments that the index knows; `lastNumber`: the highest that it has ever known. */
  constructor(options: SegmentOptions, counts: ReadonlyMap<number, SegmentCounts>, lastNumber: number) {
    this.#options = options
    this.#lastNumber = lastNumber
    for (const [number, { indexedBytes, liveBytes, liveEntries }] of counts) {
      const known = { number, fd: undefined, endBytes: indexedBytes, liveBytes, liveEntries }
      this.#segments.set(number, { ...known, isSynced: true, isChanged: false })
    }
    const found = new Set<number>()
    for (const name of readdirSync(options.directory)) {
      const number = numberIn(name)
      if (number === undefined) continue
      found.add(number)
      this.#storedBytes += statSync(join(options.directory, name)).blocks * 512
      this.#lastNumber = Math.max(this.#lastNumber, number)
      if (!this.#segments.has(number)) this.#segments.set(number, newSegment(number))
    }
    if (found.has(this.#lastNumber)) this.#last = this.#segments.get(this.#lastNumber)
  }

  get storedBytes(): number {
    return this.#storedBytes
  }

  get lastNumber(): number {
    return this.#lastNumber
  }

  /** Segments with bytes behind what the index knows: the file's size, and where those begin. */
  *tails(): Generator<{ readonly number: number; readonly fromBytes: number; readonly sizeBytes: number }> {
    for (const segment of this.#segments.values()) {
      const fd = this.#tryOpen(segment)
      if (fd === undefined) continue
      const sizeBytes = fstatSync(fd).size
      if (sizeBytes <= segment.endBytes) continue
      yield { number: segment.number, fromBytes: segment.endBytes, sizeBytes }
    }
  }

  /** Cuts off a tail after its last entry. */
  endTail(number: number, endBytes: number): void {
    const segment = this.#known(number)
    const fd = this.#opened(segment)
    if (fstatSync(fd).size > endBytes) ftruncateSync(fd, endBytes)
    segment.endBytes = wholeBlocks(endBytes)
    segment.isSynced = false
    segment.isChanged = true
  }

  /** Where the next entry of so many bytes will be. */
  next(): Location {
    if (this.#last === undefined || this.#last.endBytes >= this.#options.segmentBytes) this.#begin()
    const segment = this.#last as Segment
    return { segment: segment.number, offset: segment.endBytes }
  }

  /** Writes an entry where next() said. Nothing of it is left where that fails. */
  append(location: Location, parts: readonly Uint8Array[], bytes: number): void {
    const segment = this.#known(location.segment)
    const fd = this.#opened(segment)
    try {
      const written = writevSync(fd, parts, location.offset)
      if (written !== bytes) throw Object.assign(new Error("The disk is full"), { code: "ENOSPC" })
    } catch (error) {
      ftruncateSync(fd, location.offset)
      throw error
    }
    const taken = wholeBlocks(bytes)
    segment.endBytes = location.offset + taken
    segment.isSynced = false
    const started = location.offset - (location.offset % STARTED_BYTES)
    if (segment.endBytes - started >= STARTED_BYTES) {
      this.#options.startWriting(fd, started, segment.endBytes - started)
    }
    this.#storedBytes += taken
    this.keep(location, bytes)
  }

  /** Counts an entry as live. */
  keep({ segment: number }: Location, bytes: number): void {
    const segment = this.#known(number)
    segment.liveBytes += wholeBlocks(bytes)
    segment.liveEntries += 1
    segment.isChanged = true
  }

  /** No longer counts it. Its space is given back by free(), once the index has forgotten it for good. */
  drop({ segment: number }: Location, bytes: number): void {
    const segment = this.#segments.get(number)
    if (segment === undefined) return
    segment.liveBytes -= wholeBlocks(bytes)
    segment.liveEntries -= 1
    segment.isChanged = true
  }

  /** Gives back the space of what was dropped, or the whole file with the last of it. Again is as good as once. */
  free({ segment: number, offset }: Location, bytes: number): void {
    const segment = this.#segments.get(number)
    if (segment === undefined) return
    const fd = this.#tryOpen(segment)
    if (fd === undefined) return
    this.#options.punchHole(fd, offset, wholeBlocks(bytes))
    this.#storedBytes = Math.max(0, this.#storedBytes - wholeBlocks(bytes))
  }

  /** Removes files that hold nothing and get nothing more, and in which nothing was met either. */
  removeEmpty(used: ReadonlySet<number>): void {
    const empty = [...this.#segments.values()].filter(
      (segment) => segment.liveEntries === 0 && segment !== this.#last && !used.has(segment.number),
    )
    for (const segment of empty) {
      this.#close(segment)
      rmSync(this.#path(segment.number), { force: true })
      this.#segments.delete(segment.number)
      this.#removed.add(segment.number)
    }
  }

  /** Bytes read; fewer than asked where the file ends; 0 where it is missing. */
  read({ segment: number, offset }: Location, target: Uint8Array): number {
    const segment = this.#segments.get(number)
    const fd = segment === undefined ? undefined : this.#tryOpen(segment)
    return fd === undefined ? 0 : readSync(fd, target, 0, target.length, offset)
  }

  synchronise(): void {
    for (const segment of this.#segments.values()) if (!segment.isSynced) this.#synchronise(segment)
  }

  /** Counts that changed since the last of them were kept; undefined: the segment is gone. */
  takeChanges(): ReadonlyMap<number, SegmentCounts | undefined> {
    const changes = new Map<number, SegmentCounts | undefined>()
    for (const number of this.#removed) changes.set(number, undefined)
    for (const segment of this.#segments.values()) {
      if (!segment.isChanged) continue
      const { number, endBytes, liveBytes, liveEntries } = segment
      changes.set(number, { indexedBytes: endBytes, liveBytes, liveEntries })
    }
    return changes
  }

  /** What takeChanges() gave is in the index. */
  changesAreKept(): void {
    for (const segment of this.#segments.values()) segment.isChanged = false
    this.#removed.clear()
  }

  [Symbol.dispose](): void {
    for (const segment of [...this.#open]) this.#close(segment)
  }

  #begin(): void {
    if (this.#last !== undefined) this.#synchronise(this.#last)
    const segment = newSegment(this.#lastNumber + 1)
    segment.fd = openSync(this.#path(segment.number), "wx+", 0o600)
    this.#open.add(segment)
    syncDirectory(this.#options.directory)
    this.#lastNumber = segment.number
    this.#segments.set(segment.number, segment)
    this.#last = segment
  }

  #synchronise(segment: Segment): void {
    if (segment.isSynced) return
    fdatasyncSync(this.#opened(segment))
    segment.isSynced = true
  }

  #known(number: number): Segment {
    const segment = this.#segments.get(number)
    if (segment === undefined) throw new StoreError("damaged", `The file ${this.#path(number)} is missing`)
    return segment
  }

  #opened(segment: Segment): number {
    const fd = this.#tryOpen(segment)
    if (fd === undefined) {
      throw new StoreError("damaged", `The file ${this.#path(segment.number)} is missing`)
    }
    return fd
  }

  #tryOpen(segment: Segment): number | undefined {
    if (segment.fd !== undefined) return segment.fd
    const [oldest] = this.#open
    if (oldest !== undefined && this.#open.size >= MOST_OPEN) this.#close(oldest)
    try {
      segment.fd = openSync(this.#path(segment.number), "r+")
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
      throw error
    }
    this.#open.add(segment)
    return segment.fd
  }

  #close(segment: Segment): void {
    if (segment.fd === undefined) return
    this.#synchronise(segment)
    closeSync(segment.fd)
    segment.fd = undefined
    this.#open.delete(segment)
  }

  #path(number: number): string {
    return join(this.#options.directory, nameOf(number))
  }
}

const newSegment = (number: number): Segment => ({
  number,
  fd: undefined,
  endBytes: 0,
  liveBytes: 0,
  liveEntries: 0,
  isSynced: true,
  isChanged: true,
})

const nameOf = (number: number) => `${String(number).padStart(8, "0")}.segment`
const numberIn = (name: string) => {
  const digits = /^(\d{8,10})\.segment$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
