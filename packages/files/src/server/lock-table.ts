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
    const { isWrite, owner } = wanted
    if (this.reclaiming.size > 0 && !this.reclaiming.has(owner.holder)) return "blocked"
    if (this.conflict(node.id, owner, wanted, isWrite) !== undefined) return "blocked"
    const before = this.#files.get(node.id) ?? []
    const after = [...replaced(before, owner, wanted), wanted]
    if (!hasRoom(owner, before, after)) return "full"
    const taken = this.#outside?.take(node, isWrite ? "write" : "read", wanted) ?? "granted"
    if (taken === "granted") this.#put(node.id, owner, before, after)
    else if (before.length === 0) this.#outside?.end(node)
    return taken
  }

  /** False: what remains would be too many locks; nothing is unlocked then. */
  unlock(node: TreeNode, owner: LockOwner, range: LockRange): boolean {
    const before = this.#files.get(node.id) ?? []
    if (!before.some((lock) => isSame(lock.owner, owner) && overlaps(lock, range))) return true
    const after = replaced(before, owner, range)
    if (!hasRoom(owner, before, after)) return false
    this.#put(node.id, owner, before, after)
    this.#giveBack(node, range)
    return true
  }

  /** Ends the locks that were made by a fid. */
  release(node: TreeNode, fid: object): void {
    const locks = this.#files.get(node.id) ?? []
    const ended = locks.filter((lock) => lock.fid === fid)
    const [first] = ended
    if (first === undefined) return
    let { end, start } = first
    for (const lock of ended) {
      lock.owner.holder.locks -= 1
      if (lock.start < start) start = lock.start
      if (lock.end > end) end = lock.end
    }
    this.#keep(
      node.id,
      locks.filter((lock) => lock.fid !== fid),
    )
    this.#giveBack(node, { start, end })
  }

  /**
   * Outside, what no client has locked of the range any more. What others than the one that unlocked have of it is held as it has to be:
   * a range that several have is a reader's.
   */
  #giveBack(node: TreeNode, range: LockRange): void {
    const outside = this.#outside
    if (outside === undefined) return
    const locks = this.#files.get(node.id)
    if (locks === undefined) {
      outside.end(node)
      return
    }
    const kept = locks.filter((lock) => overlaps(lock, range))
    kept.sort((a, b) => (a.start < b.start ? -1 : 1))
    let free = range.start
    for (const { end, start } of kept) {
      if (start > free) outside.giveBack(node, { start: free, end: start })
      if (end > free) free = end
    }
    if (range.end > free) outside.giveBack(node, { start: free, end: range.end })
  }

  #put(file: bigint, { holder }: LockOwner, before: readonly Lock[], after: Lock[]): void {
    holder.locks += after.length - before.length
    this.#keep(file, after)
  }

  #keep(file: bigint, locks: Lock[]): void {
    if (locks.length === 0) this.#files.delete(file)
    else this.#files.set(file, locks)
  }
}

const overlaps = (a: LockRange, b: LockRange) => a.start < b.end && b.start < a.end

const isSame = (a: LockOwner, b: LockOwner) =>
  a.holder === b.holder && a.process === b.process && a.client === b.client

/** The locks without what an owner has of a range. */
const replaced = (locks: readonly Lock[], owner: LockOwner, range: LockRange): Lock[] =>
  locks.flatMap((lock) => (isSame(lock.owner, owner) && overlaps(lock, range) ? without(lock, range) : lock))

/** Whether an owner may change a file's locks so. */
function hasRoom({ holder }: LockOwner, before: readonly Lock[], after: readonly Lock[]): boolean {
  const growth = after.length - before.length
  if (growth <= 0) return true
  return after.length <= NINEP_LIMITS.fileLocks && holder.locks + growth <= NINEP_LIMITS.locks
}

/** The parts of a lock before and behind a range. */
function without(lock: Lock, range: LockRange): Lock[] {
  const parts: Lock[] = []
  if (lock.start < range.start) parts.push({ ...lock, end: range.start })
  if (lock.end > range.end) parts.push({ ...lock, start: range.end })
  return parts
}
