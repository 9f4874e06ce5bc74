import { type LOCK_TYPE, MESSAGES, NO_FID } from "../codec/messages.ts"
import type { Operation, Qid } from "./operations.ts"

/* What measuring servers seldom needs. */

export interface Space {
  readonly blockBytes: number
  readonly blocks: bigint
  readonly freeBlocks: bigint
  readonly nameBytes: number
}

export const statfs = (fid: number): Operation<Space> => ({
  type: MESSAGES.statfs.type,
  write: (writer) => writer.u32(fid),
  read(reader) {
    reader.u32()
    const blockBytes = reader.u32()
    const [blocks, freeBlocks] = [reader.u64(), reader.u64()]
    for (let field = 0; field < 4; field++) reader.u64()
    return { blockBytes, blocks, freeBlocks, nameBytes: reader.u32() }
  },
})

/** Bytes of the attribute, or of all names. */
export const xattrwalk = (fid: number, newFid: number, name: string): Operation<number> => ({
  type: MESSAGES.xattrwalk.type,
  write(writer) {
    writer.u32(fid)
    writer.u32(newFid)
    writer.bytesFromText(name)
  },
  read: (reader) => reader.u64AsNumber(),
})

export const xattrcreate = (fid: number, name: string, bytes: number, flags: number): Operation<void> => ({
  type: MESSAGES.xattrcreate.type,
  write(writer) {
    writer.u32(fid)
    writer.bytesFromText(name)
    writer.u64FromNumber(bytes)
    writer.u32(flags)
  },
  read: () => {},
})

export interface LockRequest {
  readonly type: keyof typeof LOCK_TYPE
  readonly start: bigint
  /** 0: to the end. */
  readonly length: bigint
  readonly process: number
}

const LOCK_TYPES = ["read", "write", "unlock"] as const
const STATUSES = ["granted", "blocked", "refused"] as const

export const lock = (
  fid: number,
  request: LockRequest,
): Operation<(typeof STATUSES)[number] | undefined> => ({
  type: MESSAGES.lock.type,
  write(writer) {
    writer.u32(fid)
    writer.u8(LOCK_TYPES.indexOf(request.type))
    writer.u32(0)
    writer.u64(request.start)
    writer.u64(request.length)
    writer.u32(request.process)
    writer.bytesFromText("client")
  },
  read: (reader) => STATUSES[reader.u8()],
})

export const getlock = (fid: number, request: LockRequest): Operation<LockRequest> => ({
  type: MESSAGES.getlock.type,
  write(writer) {
    writer.u32(fid)
    writer.u8(LOCK_TYPES.indexOf(request.type))
    writer.u64(request.start)
    writer.u64(request.length)
    writer.u32(request.process)
    writer.bytesFromText("client")
  },
  read(reader) {
    const type = LOCK_TYPES[reader.u8()] ?? "unlock"
    const [start, length, process] = [reader.u64(), reader.u64(), reader.u32()]
    reader.bytesAsText()
    return { type, start, length, process }
  },
})

export interface Reclaim {
  readonly fid: number
  readonly newFid: number
  readonly id: bigint
  /** Flags of lopen; undefined: it was not open. */
  readonly flags: number | undefined
  readonly names: readonly string[]
}

export const reclaim = ({ fid, newFid, id, flags, names }: Reclaim): Operation<Qid> => ({
  type: MESSAGES.reclaim.type,
  write(writer) {
    writer.u32(fid)
    writer.u32(newFid)
    writer.u64(id)
    writer.u32(flags ?? NO_FID)
    writer.u16(names.length)
    for (const name of names) writer.bytesFromText(name)
  },
  read(reader) {
    const qid = { kind: reader.u8(), version: reader.u32(), id: reader.u64() }
    reader.u32()
    return qid
  },
})

export const reclaimed = (): Operation<void> => ({
  type: MESSAGES.reclaimed.type,
  write() {},
  read() {},
})
