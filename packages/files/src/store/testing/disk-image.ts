import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { WriteEvent } from "./write-stream.ts"

/** Bytes that a disk writes all or none of. */
const SECTOR_BYTES = 512

type FileChange = Extract<WriteEvent, { kind: "write" | "truncate" | "punch" }>
type NameEvent = Extract<WriteEvent, { kind: "create" | "unlink" } | { kind: "rename" }>

/** A file: what is on disk for sure, and what was done to it since. */
interface ImageFile {
  synced: Buffer
  pending: FileChange[]
}

/** With the file that it is about: by the time it is on disk, the name may belong to another one. */
interface NameChange {
  readonly event: NameEvent
  readonly file: ImageFile
}

/** A number from 0 up to, not including, `below`. */
export type Random = (below: number) => number

/** The same numbers each time. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((state >>> 0) / 2 ** 32) * below)
  }
}

/**
 * The directory that recorded events would leave, at any point of them. `afterKill` is what the next process sees: all
 * of them. `afterPowerLoss` is one of the many things that a disk may hold then: of what was not synced, any part, in
 * any order, torn between sectors; of names not synced, the first few.
 */
export class DiskImage {
  readonly #files = new Map<string, ImageFile>()
  readonly #directories = new Set<string>([""])
  /** Changes of names since the last sync of their directory, in order, with the state before them. */
  #pendingNames: NameChange[] = []
  readonly #syncedNames = new Map<string, ImageFile>()
  readonly #ignored: (path: string) => boolean

  /** `ignored`: files that hold nothing, like those that are only locked. `start`: what is on disk before. */
  constructor(ignored: (path: string) => boolean, start: ReadonlyMap<string, Buffer> = new Map()) {
    this.#ignored = ignored
    for (const [path, synced] of start) {
      const file = { synced, pending: [] }
      this.#files.set(path, file)
      this.#syncedNames.set(path, file)
      this.#directories.add(parentOf(path))
    }
  }

  apply(event: WriteEvent): void {
    if (event.kind !== "note" && this.#ignored(event.path)) return
    switch (event.kind) {
      case "note":
        return
      case "write":
      case "truncate":
      case "punch":
        this.#change(this.#file(event.path), event)
        return
      case "sync":
        this.#sync(event.path)
        return
      case "make-directory":
        this.#directories.add(event.path)
        return
      case "remove-directory":
        this.#directories.delete(event.path)
        return
      case "create":
      case "unlink":
      case "rename":
        this.#changeName(event)
        return
    }
  }

  afterKill(): ReadonlyMap<string, Buffer> {
    return new Map([...this.#files].map(([path, file]) => [path, replay(file.synced, file.pending)]))
  }

  afterPowerLoss(random: Random): ReadonlyMap<string, Buffer> {
    const names = new Map(this.#syncedNames)
    for (const change of this.#pendingNames.slice(0, random(this.#pendingNames.length + 1)))
      applyName(names, change)
    const lost = [0, 1, 2, 4][random(4)] ?? 0 // nothing, all, half, a quarter of what was not synced
    return new Map(
      [...names].map(([path, file]) => {
        const kept = file.pending.filter(() => lost === 0 || (lost > 1 && random(lost) !== 0))
        return [
          path,
          replay(
            file.synced,
            kept.map((change) => torn(change, random)),
          ),
        ]
      }),
    )
  }

  writeTo(directory: string, files: ReadonlyMap<string, Buffer>): void {
    for (const path of this.#directories) mkdirSync(join(directory, path), { recursive: true })
    for (const [path, content] of files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), content)
    }
  }

  #file(path: string): ImageFile {
    const file = this.#files.get(path)
    if (file === undefined) throw new Error(`${path} was changed before it was made`)
    return file
  }

  #changeName(event: NameEvent): void {
    const file = event.kind === "create" ? { synced: Buffer.alloc(0), pending: [] } : this.#file(event.path)
    applyName(this.#files, { event, file })
    this.#pendingNames.push({ event, file })
  }

  #change(file: ImageFile, change: FileChange): void {
    file.pending.push(change)
    // Durable is that write alone: what was written before it may still be lost.
    if (change.kind === "write" && change.isDurable) {
      file.pending.pop()
      file.synced = replay(file.synced, [change])
      file.pending = file.pending.map((earlier) => withoutOverlap(earlier, change))
    }
  }

  #sync(path: string): void {
    const file = this.#files.get(path)
    if (file !== undefined) {
      file.synced = replay(file.synced, file.pending)
      file.pending = []
      return
    }
    const isInside = (change: NameChange) => parentOf(change.event.path) === path
    for (const change of this.#pendingNames.filter(isInside)) applyName(this.#syncedNames, change)
    this.#pendingNames = this.#pendingNames.filter((change) => !isInside(change))
  }
}

const parentOf = (path: string) => (path.includes("/") ? dirname(path) : "")

function applyName(names: Map<string, ImageFile>, { event, file }: NameChange): void {
  if (event.kind !== "create") names.delete(event.path)
  if (event.kind === "create") names.set(event.path, file)
  else if (event.kind === "rename") names.set(event.to, file)
}

/** A durable write came after: where they overlap, the earlier one is past. */
function withoutOverlap(earlier: FileChange, later: FileChange & { kind: "write" }): FileChange {
  if (earlier.kind !== "write") return earlier
  const from = Math.max(earlier.offset, later.offset)
  const to = Math.min(earlier.offset + earlier.bytes.length, later.offset + later.bytes.length)
  if (from >= to) return earlier
  const bytes = Buffer.from(earlier.bytes)
  later.bytes.copy(bytes, from - earlier.offset, from - later.offset, to - later.offset)
  return { ...earlier, bytes }
}

/** One in four writes ends, or begins, at some sector. */
function torn(change: FileChange, random: Random): FileChange {
  if (change.kind !== "write" || change.bytes.length <= SECTOR_BYTES || random(4) !== 0) return change
  const at =
    (1 + random(Math.ceil(change.bytes.length / SECTOR_BYTES) - 1)) * SECTOR_BYTES -
    (change.offset % SECTOR_BYTES)
  if (random(2) === 0) return { ...change, bytes: change.bytes.subarray(0, at) }
  return { ...change, offset: change.offset + at, bytes: change.bytes.subarray(at) }
}

function replay(start: Buffer, changes: readonly FileChange[]): Buffer {
  let size = start.length
  const ends = changes.map((change) => (change.kind === "write" ? change.offset + change.bytes.length : 0))
  const most = Math.max(
    size,
    ...ends,
    ...changes.map((change) => (change.kind === "truncate" ? change.bytes : 0)),
  )
  const content = Buffer.alloc(most)
  start.copy(content)
  for (const change of changes) {
    if (change.kind === "write") {
      change.bytes.copy(content, change.offset)
      size = Math.max(size, change.offset + change.bytes.length)
    } else if (change.kind === "truncate") {
      if (change.bytes < size) content.fill(0, change.bytes)
      size = change.bytes
    } else content.fill(0, change.offset, Math.min(change.offset + change.bytes, size))
  }
  return content.subarray(0, size)
}

export const changesDirectories = ({ kind }: WriteEvent) =>
  kind === "make-directory" || kind === "remove-directory"

interface Opened {
  readonly files: ReadonlyMap<string, Buffer>
  readonly least: number
}

/** What was opened at earlier cuts: almost half of them leave what one before left, and opening that again shows nothing. */
export class OpenedCuts {
  #opened: Opened[] = []

  /** What is promised has changed, or which directories there are. */
  forget(): void {
    this.#opened = []
  }

  /** Whether the same files have been held against as much as `least` or more; from now on they have. */
  has(files: ReadonlyMap<string, Buffer>, least: number): boolean {
    if (this.#opened.some((before) => before.least >= least && areEqual(before.files, files))) return true
    this.#opened.push({ files, least })
    return false
  }
}

function areEqual(a: ReadonlyMap<string, Buffer>, b: ReadonlyMap<string, Buffer>): boolean {
  return a.size === b.size && [...a].every(([path, content]) => b.get(path)?.equals(content) === true)
}
