import type { MessageReader } from "../codec/message-reader.ts"
import type { MessageWriter } from "../codec/message-writer.ts"
import {
  DATA_HEADER_BYTES,
  MESSAGES,
  NO_FID,
  NO_TAG,
  REMOVE_DIRECTORY,
  SET,
  VERSION,
} from "../codec/messages.ts"

/** A request as a client sends it, and how its answer is read. Names and targets have one byte a character. */
export interface Operation<T> {
  readonly type: number
  /** Of data that it carries. */
  readonly bytes?: number
  readonly write: (writer: MessageWriter) => void
  readonly read: (reader: MessageReader) => T
}

export interface Qid {
  readonly kind: number
  readonly version: number
  readonly id: bigint
}

export interface Stat {
  readonly qid: Qid
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  readonly size: number
  readonly blocks: number
  /** Nanoseconds since 1970. */
  readonly accessTime: bigint
  readonly modifyTime: bigint
  readonly changeTime: bigint
}

export interface ReadEntry {
  readonly qid: Qid
  readonly offset: bigint
  readonly type: number
  readonly name: string
}

const nothing = () => {}
const readQid = (reader: MessageReader): Qid => ({
  kind: reader.u8(),
  version: reader.u32(),
  id: reader.u64(),
})
const readOpened = (reader: MessageReader): Qid => {
  const qid = readQid(reader)
  reader.u32()
  return qid
}

export const version = (
  messageBytes: number,
  dialect: string = VERSION,
): Operation<{ messageBytes: number; version: string }> => ({
  type: MESSAGES.version.type,
  write(writer) {
    writer.u32(messageBytes)
    writer.bytesFromText(dialect)
  },
  read: (reader) => ({ messageBytes: reader.u32(), version: reader.bytesAsText() }),
})

export const attach = (fid: number, name: string, uid: number): Operation<Qid> => ({
  type: MESSAGES.attach.type,
  write(writer) {
    writer.u32(fid)
    writer.u32(NO_FID)
    writer.bytesFromText("")
    writer.bytesFromText(Buffer.from(name, "utf8").toString("latin1"))
    writer.u32(uid)
  },
  read: readQid,
})

/** As many qids as names were found. */
export const walk = (fid: number, newFid: number, names: readonly string[]): Operation<Qid[]> => ({
  type: MESSAGES.walk.type,
  write(writer) {
    writer.u32(fid)
    writer.u32(newFid)
    writer.u16(names.length)
    for (const name of names) writer.bytesFromText(name)
  },
  read: (reader) => Array.from({ length: reader.u16() }, () => readQid(reader)),
})

/** A message of fids and numbers of four bytes alone, and an empty answer. */
const plain =
  (message: { readonly type: number }) =>
  (...fields: readonly number[]): Operation<void> => ({
    type: message.type,
    write(writer) {
      for (const field of fields) writer.u32(field)
    },
    read: nothing,
  })

export const clunk: (fid: number) => Operation<void> = plain(MESSAGES.clunk)
export const remove: (fid: number) => Operation<void> = plain(MESSAGES.remove)
export const fsync: (fid: number, dataOnly: 0 | 1) => Operation<void> = plain(MESSAGES.fsync)

export const flush = (tag: number): Operation<void> => ({
  type: MESSAGES.flush.type,
  write: (writer) => writer.u16(tag % (NO_TAG + 1)),
  read: nothing,
})

export const lopen = (fid: number, flags: number): Operation<Qid> => ({
  ...plain(MESSAGES.lopen)(fid, flags),
  read: readOpened,
})

/** A message that names something new: fid, name, and numbers. */
const naming = <T>(
  message: { readonly type: number },
  read: (reader: MessageReader) => T,
  fid: number,
  name: string,
  numbers: readonly number[],
): Operation<T> => ({
  type: message.type,
  write(writer) {
    writer.u32(fid)
    writer.bytesFromText(name)
    for (const number of numbers) writer.u32(number)
  },
  read,
})

export const lcreate = (fid: number, name: string, flags: number, mode: number): Operation<Qid> =>
  naming(MESSAGES.lcreate, readOpened, fid, name, [flags, mode, 0])
export const mkdir = (fid: number, name: string, mode: number): Operation<Qid> =>
  naming(MESSAGES.mkdir, readQid, fid, name, [mode, 0])
export const mknod = (fid: number, name: string, mode: number): Operation<Qid> =>
  naming(MESSAGES.mknod, readQid, fid, name, [mode, 0, 0, 0])
export const unlinkat = (fid: number, name: string, isDirectory = false): Operation<void> =>
  naming(MESSAGES.unlinkat, nothing, fid, name, [isDirectory ? REMOVE_DIRECTORY : 0])

export const symlink = (fid: number, name: string, target: string): Operation<Qid> => ({
  type: MESSAGES.symlink.type,
  write(writer) {
    writer.u32(fid)
    writer.bytesFromText(name)
    writer.bytesFromText(target)
    writer.u32(0)
  },
  read: readQid,
})

export const readlink = (fid: number): Operation<string> => ({
  ...plain(MESSAGES.readlink)(fid),
  read: (reader) => reader.bytesAsText(),
})

export const link = (directory: number, fid: number, name: string): Operation<void> => ({
  type: MESSAGES.link.type,
  write(writer) {
    writer.u32(directory)
    writer.u32(fid)
    writer.bytesFromText(name)
  },
  read: nothing,
})

export const rename = (fid: number, directory: number, name: string): Operation<void> => ({
  ...link(fid, directory, name),
  type: MESSAGES.rename.type,
})

export const renameat = (fid: number, name: string, newFid: number, newName: string): Operation<void> => ({
  type: MESSAGES.renameat.type,
  write(writer) {
    writer.u32(fid)
    writer.bytesFromText(name)
    writer.u32(newFid)
    writer.bytesFromText(newName)
  },
  read: nothing,
})

/** The most data that one message carries, as v9fs reckons. */
export const dataBytes = (messageBytes: number): number => messageBytes - DATA_HEADER_BYTES

/** fid[4] offset[8] count[4]. */
function writePlace(writer: MessageWriter, fid: number, offset: number | bigint, count: number): void {
  writer.u32(fid)
  if (typeof offset === "bigint") writer.u64(offset)
  else writer.u64FromNumber(offset)
  writer.u32(count)
}

/** What was read is a view, valid until the answer is done with. */
export const read = (fid: number, offset: number | bigint, count: number): Operation<Buffer> => ({
  type: MESSAGES.read.type,
  write: (writer) => writePlace(writer, fid, offset, count),
  read: (reader) => reader.data(reader.u32()),
})

export const write = (fid: number, offset: number | bigint, data: Uint8Array): Operation<number> => ({
  type: MESSAGES.write.type,
  bytes: data.length,
  write(writer) {
    writePlace(writer, fid, offset, data.length)
    writer.data(data)
  },
  read: (reader) => reader.u32(),
})

export const readdir = (fid: number, offset: bigint, count: number): Operation<ReadEntry[]> => ({
  ...read(fid, offset, count),
  type: MESSAGES.readdir.type,
  read(reader) {
    const entries: ReadEntry[] = []
    for (let left = reader.u32(); left > 0; ) {
      const entry = {
        qid: readQid(reader),
        offset: reader.u64(),
        type: reader.u8(),
        name: reader.bytesAsText(),
      }
      entries.push(entry)
      left -= 24 + entry.name.length
    }
    return entries
  },
})

export const getattr = (fid: number): Operation<Stat> => ({
  type: MESSAGES.getattr.type,
  write(writer) {
    writer.u32(fid)
    writer.u64FromNumber(0x7ff)
  },
  read(reader) {
    reader.u64()
    const qid = readQid(reader)
    const [mode, uid, gid] = [reader.u32(), reader.u32(), reader.u32()]
    const links = reader.u64AsNumber()
    reader.u64()
    const size = reader.u64AsNumber()
    reader.u64()
    const blocks = reader.u64AsNumber()
    const [accessTime, modifyTime, changeTime] = [readTime(reader), readTime(reader), readTime(reader)]
    for (let field = 0; field < 4; field++) reader.u64()
    return { qid, mode, uid, gid, links, size, blocks, accessTime, modifyTime, changeTime }
  },
})

const readTime = (reader: MessageReader): bigint =>
  BigInt.asIntN(64, reader.u64()) * 1_000_000_000n + reader.u64()

/** What to set of a node; times in nanoseconds since 1970, or of the server's clock. */
export interface NewStat {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number | bigint
  readonly accessTime?: bigint | "now"
  readonly modifyTime?: bigint | "now"
}

export const setattr = (fid: number, stat: NewStat): Operation<void> => ({
  type: MESSAGES.setattr.type,
  write(writer) {
    const { mode, uid, gid, size, accessTime, modifyTime } = stat
    let valid = 0
    if (mode !== undefined) valid |= SET.mode
    if (uid !== undefined) valid |= SET.uid
    if (gid !== undefined) valid |= SET.gid
    if (size !== undefined) valid |= SET.size
    if (accessTime !== undefined) valid |= SET.accessTime
    if (typeof accessTime === "bigint") valid |= SET.accessTimeGiven
    if (modifyTime !== undefined) valid |= SET.modifyTime
    if (typeof modifyTime === "bigint") valid |= SET.modifyTimeGiven
    for (const field of [fid, valid, mode ?? 0, uid ?? 0, gid ?? 0]) writer.u32(field)
    writer.u64(BigInt(size ?? 0))
    for (const time of [accessTime, modifyTime]) {
      const given = typeof time === "bigint" ? time : 0n
      const part = ((given % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
      writer.u64(BigInt.asUintN(64, (given - part) / 1_000_000_000n))
      writer.u64(part)
    }
  },
  read: nothing,
})
