import type { FileCalls } from "@skerry/linux"
import { parseEntryName } from "../../codec/entry-name.ts"
import { type EntrySink, FileError, type NodeKind, TREE_LIMITS } from "../../file-tree.ts"
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

/** What follows an answer, which whoever reads on asks for next. */
interface Next {
  readonly fd: number
  /** Of the last entry that was put: the descriptor stands behind it. */
  readonly cursor: bigint
  readonly mostBytes: number
  /** How many of them are in the buffer; undefined: they were not read yet. */
  bytes: number | undefined
}

/**
 * Reads entries of open directories, from the kernel's records straight to where they go. No more is read than there is room for, so
 * that the descriptor stands where reading goes on; while the client looks at an answer, the records of the next one are read.
 */
export class DirectoryReader {
  readonly #calls: FileCalls
  readonly #stat: Stat
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  readonly #view = new DataView(this.#buffer.buffer)
  #next: Next | undefined
  /** Of the entry that was put last. */
  #cursor = 0n

  constructor(calls: FileCalls, stat: Stat) {
    this.#calls = calls
    this.#stat = stat
  }

  /** `idOf` absent: the inodes' numbers are the ids. */
  read(fd: number, cursor: bigint, entries: EntrySink, idOf?: (inode: bigint) => bigint): void {
    const fitting = Math.floor(entries.room * RECORDS_PER_ROOM)
    const mostBytes = Math.min(BUFFER_BYTES, Math.max(LONGEST_RECORD_BYTES, fitting))
    let ahead = this.#takeAhead(fd, cursor, mostBytes)
    // A cursor that was made up is the file system's to refuse: then there is nothing there.
    if (ahead === undefined && (cursor >= CURSOR_END || this.#calls.seek(fd, cursor) < 0)) return
    for (;;) {
      const bytes = ahead ?? this.#records(fd, mostBytes)
      ahead = undefined
      if (bytes === 0) return
      const put = this.#put(fd, bytes, entries, idOf)
      // A whole buffer of what is not shown is no end.
      if (put === "nothing") continue
      if (put === "all") this.#next = { fd, cursor: this.#cursor, mostBytes, bytes: undefined }
      return
    }
  }

  /** To be called when there is nothing else to do. */
  readAhead(): void {
    const next = this.#next
    if (next === undefined || next.bytes !== undefined) return
    try {
      next.bytes = this.#records(next.fd, next.mostBytes)
    } catch (error) {
      // Whoever asks for them is told.
      if (!(error instanceof FileError)) throw error
      this.#next = undefined
    }
  }

  /** Before the descriptor is closed, whose number may be another's next. */
  forget(fd: number): void {
    if (this.#next?.fd === fd) this.#next = undefined
  }

  /** How many bytes of records are in the buffer, if they were read already. */
  #takeAhead(fd: number, cursor: bigint, mostBytes: number): number | undefined {
    const next = this.#next
    this.#next = undefined
    if (next?.bytes === undefined || next.fd !== fd || next.cursor !== cursor) return undefined
    return next.bytes <= mostBytes ? next.bytes : undefined
  }

  /** Reads records to the buffer; 0 bytes: the end. */
  #records(fd: number, mostBytes: number): number {
    const bytes = this.#calls.readDirectory(fd, this.#buffer.subarray(0, mostBytes))
    // Linux's answer for a directory that was removed: it has nothing in it.
    return bytes === -ERRNO.ENOENT ? 0 : check(bytes)
  }

  #put(
    fd: number,
    byteCount: number,
    entries: EntrySink,
    idOf?: (inode: bigint) => bigint,
  ): "all" | "some" | "nothing" {
    const view = this.#view
    let last = -1
    let length = 0
    for (let at = 0; at < byteCount; at += length) {
      length = view.getUint16(at + AT.length, true)
      const nameAt = at + AT.name
      const nameEnd = this.#nameEnd(nameAt, at + length)
      if (!this.#isShown(nameAt, nameEnd)) continue
      const type = view.getUint8(at + AT.type)
      const kind = type === DT.unknown ? this.#lookAt(fd, nameAt, nameEnd) : kindOfType(type)
      if (kind === undefined) continue
      const isTaken =
        idOf === undefined
          ? entries.putFrom(view, kind, at + AT.inode, at + AT.cursor, nameAt, nameEnd)
          : entries.put({
              name: parseEntryName(this.#name(nameAt, nameEnd)),
              kind,
              id: idOf(view.getBigUint64(at + AT.inode, true)),
              cursor: view.getBigUint64(at + AT.cursor, true),
            })
      if (!isTaken) return "some"
      last = at
    }
    if (last === -1) return "nothing"
    this.#cursor = view.getBigUint64(last + AT.cursor, true)
    return "all"
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

  /** For directories that do not say what their entries are. undefined: nothing that is shown, or gone by now. */
  #lookAt(fd: number, nameAt: number, nameEnd: number): NodeKind | undefined {
    try {
      this.#stat.lookAt(fd, this.#name(nameAt, nameEnd))
    } catch (error) {
      if (error instanceof FileError && error.code === "ENOENT") return undefined
      throw error
    }
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
