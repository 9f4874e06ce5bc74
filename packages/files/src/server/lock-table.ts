import { NINEP_LIMITS } from "../codec/limits.ts"
import type { TreeNode } from "../file-tree.ts"

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

export type LockKind = "read" | "write"

/** Locks of the same files that others than this server's clients see. All clients together are one owner there. */
export interface OutsideLocks {
  /** In place of what is held of the range. "blocked": somebody else has it, and nothing has changed. */
  take(node: TreeNode, kind: LockKind, range: LockRange): "granted" | "blocked" | "full"
  giveBack(node: TreeNode, range: LockRange): void
  /** No client has a lock of the file any more. */
  end(node: TreeNode): void
}

/** POSIX record locks of one tree's files, across clients. Nobody waits in it: who finds a lock in the way asks again. */
export class LockTable {
  readonly #files = new Map<bigint, Lock[]>()
  /**
   * Clients of the server before this one that have not told yet what they had locked. Until they have, nobody else locks
   * anything: it may be theirs.
   */
  readonly reclaiming = new Set<LockHolder>()
  readonly #outside: OutsideLocks | undefined

  constructor(outside?: OutsideLocks) {
    this.#outside = outside
  }

  /** What keeps `owner` from locking the range. */
  conflict(file: bigint, owner: LockOwner, range: LockRange, isWrite: boolean): Lock | undefined {
    return this.#files
      .get(file)
      ?.find((lock) => (isWrite || lock.isWrite) && overlaps(lock, range) && !isSame(lock.owner, owner))
  }

  /** Locks the range, in place of what the owner had locked of it. "full": there are too many locks. */
  lock(node: TreeNode, wanted: Lock): "granted" | "blocked" | "full" {
    if (this.reclaiming.size > 0 && !this.reclaiming.has(wanted.owner.holder)) return "blocked"
    if (this.conflict(node.id, wanted.owner, wanted, wanted.isWrite) !== undefined) return "blocked"
    const taken = this.#outside?.take(node, wanted.isWrite ? "write" : "read", wanted) ?? "granted"
    if (taken !== "granted") {
      this.#settle(node, wanted)
      return taken
    }
    if (this.#replace(node.id, wanted.owner, wanted, wanted)) return "granted"
    this.#settle(node, wanted)
    return "full"
  }

  /** False: what remains would be too many locks; nothing is unlocked then. */
  unlock(node: TreeNode, owner: LockOwner, range: LockRange): boolean {
    const isDone = this.#replace(node.id, owner, range, undefined)
    if (isDone) this.#settle(node, range)
    return isDone
  }

  /** Ends the locks that were made by a fid. */
  release(node: TreeNode, fid: object): void {
    const locks = this.#files.get(node.id) ?? []
    const ended = locks.filter((lock) => lock.fid === fid)
    if (ended.length === 0) return
    for (const lock of ended) lock.owner.holder.locks -= 1
    this.#put(
      node.id,
      locks.filter((lock) => lock.fid !== fid),
    )
    for (const lock of ended) this.#settle(node, lock)
  }

  /** Outside, so much of the range is held as clients have locked of it, and no more. */
  #settle(node: TreeNode, range: LockRange): void {
    const outside = this.#outside
    if (outside === undefined) return
    const locks = this.#files.get(node.id)
    if (locks === undefined) {
      outside.end(node)
      return
    }
    const kept = locks.filter((lock) => overlaps(lock, range))
    const within = (at: bigint) => at > range.start && at < range.end
    const cuts = kept.flatMap(({ end, start }) => [start, end]).filter(within)
    const bounds = [...new Set([range.start, ...cuts, range.end])].sort((a, b) => (a < b ? -1 : 1))
    for (const [index, start] of bounds.slice(0, -1).entries()) {
      const part = { start, end: bounds[index + 1] ?? range.end }
      const holding = kept.filter((lock) => overlaps(lock, part))
      if (holding.length === 0) outside.giveBack(node, part)
      else outside.take(node, holding.some(({ isWrite }) => isWrite) ? "write" : "read", part)
    }
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
