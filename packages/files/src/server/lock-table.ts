import { NINEP_LIMITS } from "../codec/limits.ts"

/** Whose lock it is: a process of one client. Two clients may well use the same numbers and names. */
export interface LockOwner {
  readonly holder: LockHolder
  readonly process: number
  readonly client: string
}

/** One client. */
export interface LockHolder {
  /** Ranges that it has locked: 0 ≤ locks ≤ NINEP_LIMITS.locks. */
  locks: number
}

export interface LockRange {
  readonly start: bigint
  /** The first byte behind it; LOCK_END: whatever the file grows to. */
  readonly end: bigint
}

export const LOCK_END = 1n << 64n

export interface Lock extends LockRange {
  readonly owner: LockOwner
  readonly isWrite: boolean
  /** The fid that it was made by. */
  readonly fid: object
}

/** POSIX record locks of one tree's files, across clients. Nobody waits in it: who finds a lock in the way asks again. */
export class LockTable {
  readonly #files = new Map<bigint, Lock[]>()
  /**
   * Clients of the server before this one that have not told yet what they had locked. Until they have, nobody else locks
   * anything: it may be theirs.
   */
  readonly reclaiming = new Set<LockHolder>()

  /** What keeps `owner` from locking the range. */
  conflict(file: bigint, owner: LockOwner, range: LockRange, isWrite: boolean): Lock | undefined {
    return this.#files
      .get(file)
      ?.find((lock) => (isWrite || lock.isWrite) && overlaps(lock, range) && !isSame(lock.owner, owner))
  }

  /** Locks the range, in place of what the owner had locked of it. "full": there are too many locks. */
  lock(file: bigint, wanted: Lock): "granted" | "blocked" | "full" {
    if (this.reclaiming.size > 0 && !this.reclaiming.has(wanted.owner.holder)) return "blocked"
    if (this.conflict(file, wanted.owner, wanted, wanted.isWrite) !== undefined) return "blocked"
    return this.#replace(file, wanted.owner, wanted, wanted) ? "granted" : "full"
  }

  /** False: what remains would be too many locks; nothing is unlocked then. */
  unlock(file: bigint, owner: LockOwner, range: LockRange): boolean {
    return this.#replace(file, owner, range, undefined)
  }

  /** Ends the locks that were made by a fid. */
  release(file: bigint, fid: object): void {
    const locks = this.#files.get(file)
    if (locks === undefined) return
    for (const lock of locks) if (lock.fid === fid) lock.owner.holder.locks -= 1
    this.#put(
      file,
      locks.filter((lock) => lock.fid !== fid),
    )
  }

  #replace(file: bigint, owner: LockOwner, range: LockRange, added: Lock | undefined): boolean {
    const before = this.#files.get(file) ?? []
    const after = before.flatMap((lock) =>
      isSame(lock.owner, owner) && overlaps(lock, range) ? without(lock, range) : lock,
    )
    if (added !== undefined) after.push(added)
    const growth = after.length - before.length
    if (growth > 0) {
      if (after.length > NINEP_LIMITS.fileLocks) return false
      if (owner.holder.locks + growth > NINEP_LIMITS.locks) return false
    }
    owner.holder.locks += growth
    this.#put(file, after)
    return true
  }

  #put(file: bigint, locks: Lock[]): void {
    if (locks.length === 0) this.#files.delete(file)
    else this.#files.set(file, locks)
  }
}

const overlaps = (a: LockRange, b: LockRange) => a.start < b.end && b.start < a.end

const isSame = (a: LockOwner, b: LockOwner) =>
  a.holder === b.holder && a.process === b.process && a.client === b.client

/** The parts of a lock before and behind a range. */
function without(lock: Lock, range: LockRange): Lock[] {
  const parts: Lock[] = []
  if (lock.start < range.start) parts.push({ ...lock, end: range.start })
  if (lock.end > range.end) parts.push({ ...lock, start: range.end })
  return parts
}
