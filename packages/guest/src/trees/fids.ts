import { LOCK_TYPE, NO_FID, OPEN } from "@skerry/files/codec"
import type { KnownName } from "./known-names.ts"
import { TREE } from "./limits.ts"

/** What a fid of the kernel's stands for, as far as a new server has to be told. */
export interface Fid {
  readonly known: KnownName
  /** qid.path: the file, whatever it is called by now. */
  readonly id: bigint
  /** As a reclaim says it. */
  openFlags: number
  /** The request that attached it: such a fid is attached again, not claimed. */
  readonly attach: Uint8Array | undefined
  /** Requests that, sent after it was claimed, make it again what it is: of an extended attribute. */
  readonly replayed: Uint8Array[]
  /** It was made from a fid of the file by `replayed`, and not by changing that. */
  readonly isDerived: boolean
  /** Locks that the server granted, as they were asked for. */
  locks: HeldLock[]
}

interface HeldLock {
  readonly request: Uint8Array
  readonly start: bigint
  readonly end: bigint
  readonly owner: number
}

/** Flags of an open file that a new server is told: what was to happen once has happened. */
const ONCE = OPEN.create | OPEN.exclusive | OPEN.truncate

export const reclaimFlags = (flags: number) => (flags === NO_FID ? NO_FID : (flags & ~ONCE) >>> 0)

export function newFid(known: KnownName, id: bigint, more: Partial<Fid> = {}): Fid {
  const plain = { openFlags: NO_FID, attach: undefined, replayed: [], isDerived: false, locks: [] }
  return { ...plain, known, id, ...more }
}

const END = 1n << 64n

/** Notes a granted Tlock: size[4] type[1] tag[2] fid[4] type[1] flags[4] start[8] length[8] process[4] client[s]. */
export function noteLock(fid: Fid, request: Buffer): void {
  const start = request.readBigUInt64LE(16)
  const length = request.readBigUInt64LE(24)
  const end = length === 0n ? END : start + length
  const owner = request.readUInt32LE(32)
  const others = fid.locks.flatMap((lock) => {
    if (lock.owner !== owner || lock.end <= start || lock.start >= end) return [lock]
    return [...part(lock, lock.start, start), ...part(lock, end, lock.end)]
  })
  if (request[11] !== LOCK_TYPE.unlock) others.push({ request, start, end, owner })
  if (others.length <= TREE.locks) fid.locks = others
}

/** Of a lock, what is between these bytes, if anything is. */
function part(lock: HeldLock, start: bigint, end: bigint): HeldLock[] {
  if (start >= end) return []
  const request = Buffer.from(lock.request)
  request.writeBigUInt64LE(start, 16)
  request.writeBigUInt64LE(end === END ? 0n : end - start, 24)
  return [{ ...lock, request, start, end }]
}
