import { NINEP_LIMITS } from "../codec/limits.ts"
import { LOCK_STATUS, LOCK_TYPE } from "../codec/messages.ts"
import { FileError } from "../file-tree.ts"
import { type ClientState, openOf } from "./client-state.ts"
import { LOCK_END, type LockOwner, type LockRange } from "./lock-table.ts"

/* Record locks. Nobody waits here: who is told "blocked" asks again (v9fs: every `locktimeout` seconds). */

const TYPES: ReadonlySet<number> = new Set(Object.values(LOCK_TYPE))

/** The fields that both messages end with. */
function readRange(client: ClientState): { range: LockRange; owner: LockOwner; length: bigint } {
  const { input } = client
  const start = input.u64()
  const length = input.u64()
  const process = input.u32()
  const name = input.bytesAsText()
  input.finish()
  if (name.length > NINEP_LIMITS.lockOwnerBytes) throw new FileError("EINVAL")
  // 0: to the end, wherever that will be.
  const end = length === 0n ? LOCK_END : start + length
  if (end > LOCK_END) throw new FileError("EINVAL")
  return { range: { start, end }, owner: { holder: client.lockHolder, process, client: name }, length }
}

export function lock(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const type = input.u8()
  input.u32()
  const { range, owner } = readRange(client)
  const fid = fids.get(number)
  openOf(fid)
  if (!TYPES.has(type)) throw new FileError("EINVAL")
  const { locks } = fid.tree.served
  const { node } = fid
  if (type === LOCK_TYPE.unlock) {
    output.u8(locks.unlock(node, owner, range) ? LOCK_STATUS.granted : LOCK_STATUS.refused)
    return
  }
  const outcome = locks.lock(node, { ...range, owner, isWrite: type === LOCK_TYPE.write, fid })
  if (outcome === "granted") fid.hasLocks = true
  output.u8(STATUS[outcome])
}

const STATUS = {
  granted: LOCK_STATUS.granted,
  blocked: LOCK_STATUS.blocked,
  full: LOCK_STATUS.refused,
} as const

/** What is in the way of a lock. Of another client's it tells the range, and not whose it is. */
export function getlock(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const type = input.u8()
  const { range, owner, length } = readRange(client)
  const fid = fids.get(number)
  openOf(fid)
  if (!TYPES.has(type)) throw new FileError("EINVAL")
  const isWrite = type === LOCK_TYPE.write
  const found = fid.tree.served.locks.conflict(fid.node.id, owner, range, isWrite)
  if (found === undefined) {
    output.u8(LOCK_TYPE.unlock)
    output.u64(range.start)
    output.u64(length)
    output.u32(owner.process)
    output.bytesFromText(owner.client)
    return
  }
  const isOurs = found.owner.holder === client.lockHolder
  output.u8(found.isWrite ? LOCK_TYPE.write : LOCK_TYPE.read)
  output.u64(found.start)
  output.u64(found.end === LOCK_END ? 0n : found.end - found.start)
  output.u32(isOurs ? found.owner.process : 0)
  output.bytesFromText(isOurs ? found.owner.client : "")
}
