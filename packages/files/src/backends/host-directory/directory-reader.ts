import type { FileCalls } from "@skerry/linux"
import { parseEntryName } from "../../codec/entry-name.ts"
import { type EntrySink, type NodeKind, TREE_LIMITS } from "../../file-tree.ts"
import { check, ERRNO } from "./errno.ts"
import type { Stat } from "./stat.ts"

/*
 * struct linux_dirent64: u64 inode, i64 cursor of what follows, u16 length of this record, u8 type, name, NUL, and up to 7 bytes
 * that make its length a multiple of 8. The cursor is the file system's own, which keeps it steady while the directory changes.
 */
const AT = { inode: 0, cursor: 8, length: 16, type: 18, name: 19 } as const
const LONGEST_RECORD_BYTES = 280
/** An entry takes 24 bytes and its name of an answer, and 24 of a record for a name of four bytes: by no more does it grow. */
const RECORDS_PER_ROOM = 24 / 28
const BUFFER_BYTES = 128 * 1024
const CURSOR_END = 1n << 63n
const DOT = 0x2e
const DT = { unknown: 0, directory: 4, file: 8, symlink: 10 } as const

/**
 * Reads entries of open directories, from the kernel's records straight to where they go. Nothing is kept between two calls: no more
 * is read than there is room for, so that the descriptor stands where reading goes on.
 */
export class DirectoryReader {
  readonly #calls: FileCalls
  readonly #stat: Stat
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  readonly #view = new DataView(this.#buffer.buffer)

  constructor(calls: FileCalls, stat: Stat) {
    this.#calls = calls
    this.#stat = stat
  }

  /** `idOf` absent: the inodes' numbers are the ids. */
  read(fd: number, cursor: bigint, entries: EntrySink, idOf?: (inode: bigint) => bigint): void {
    // A cursor that was made up is the file system's to refuse: then there is nothing there.
    if (cursor >= CURSOR_END || this.#calls.seek(fd, cursor) < 0) return
    const fitting = Math.floor(entries.room * RECORDS_PER_ROOM)
    const target = this.#buffer.subarray(0, Math.max(LONGEST_RECORD_BYTES, fitting))
    for (let isAnyShown = false; !isAnyShown; ) {
      const bytes = this.#calls.readDirectory(fd, target)
      // Linux's answer for a directory that was removed: it has nothing in it.
      if (bytes === 0 || bytes === -ERRNO.ENOENT) return
      // A whole buffer of what is not shown is no end.
      isAnyShown = this.#put(fd, check(bytes), entries, idOf)
    }
  }

  /** False: none of the records is shown. */
  #put(fd: number, byteCount: number, entries: EntrySink, idOf?: (inode: bigint) => bigint): boolean {
    const view = this.#view
    let isAnyShown = false
    let length = 0
    for (let at = 0; at < byteCount; at += length) {
      length = view.getUint16(at + AT.length, true)
      const nameAt = at + AT.name
      const nameEnd = this.#nameEnd(nameAt, at + length)
      if (!this.#isShown(nameAt, nameEnd)) continue
      const type = view.getUint8(at + AT.type)
      const kind = type === DT.unknown ? this.#lookAt(fd, nameAt, nameEnd) : kindOfType(type)
      if (kind === undefined) continue
      isAnyShown = true
      const isTaken =
        idOf === undefined
          ? entries.putFrom(view, kind, at + AT.inode, at + AT.cursor, nameAt, nameEnd)
          : entries.put({
              name: parseEntryName(this.#name(nameAt, nameEnd)),
              kind,
              id: idOf(view.getBigUint64(at + AT.inode, true)),
              cursor: view.getBigUint64(at + AT.cursor, true),
            })
      if (!isTaken) break
    }
    return isAnyShown
  }

  /** The first NUL; it is among a record's last 8 bytes, and what is behind it may be anything. */
  #nameEnd(nameAt: number, recordEnd: number): number {
    let end = Math.max(nameAt, recordEnd - 8)
    while (end < recordEnd && this.#view.getUint8(end) !== 0) end += 1
    return end
  }

  /** Neither "." nor ".."; nor, as in a file system of a program, longer than what a client could say. */
  #isShown(nameAt: number, nameEnd: number): boolean {
    const length = nameEnd - nameAt
    if (length > 2) return length <= TREE_LIMITS.nameBytes
    const view = this.#view
    return view.getUint8(nameAt) !== DOT || (length === 2 && view.getUint8(nameAt + 1) !== DOT)
  }

  /** For directories that do not say what their entries are. */
  #lookAt(fd: number, nameAt: number, nameEnd: number): NodeKind | undefined {
    this.#stat.lookAt(fd, this.#name(nameAt, nameEnd))
    return this.#stat.kind()
  }

  #name(nameAt: number, nameEnd: number): string {
    return this.#buffer.toString("latin1", nameAt, nameEnd)
  }
}

function kindOfType(type: number): NodeKind | undefined {
  if (type === DT.file) return "file"
  if (type === DT.directory) return "directory"
  return type === DT.symlink ? "symlink" : undefined
}
