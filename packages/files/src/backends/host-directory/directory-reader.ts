import type { FileCalls } from "@skerry/linux"
import { parseEntryName } from "../../codec/entry-name.ts"
import type { DirectoryEntry, NodeKind } from "../../file-tree.ts"
import { check, ERRNO } from "./errno.ts"

/*
 * struct linux_dirent64: u64 inode, i64 cursor of what follows, u16 length of this record, u8 type, name, NUL. The cursor is the
 * file system's own, which keeps it steady while the directory changes.
 */
const HEADER_BYTES = 19
const CURSOR_END = 1n << 63n
const DT = { unknown: 0, directory: 4, file: 8, symlink: 10 } as const

interface Read {
  readonly owner: object
  /** Up to where the entries before #next had been given out. */
  cursor: bigint
  readonly entries: readonly DirectoryEntry[]
  next: number
}

interface Looks {
  /** What an entry is whose type the directory does not say. */
  kindOf(name: string): NodeKind | undefined
  idOf(inode: bigint): bigint
}

/**
 * Reads entries of open directories. The kernel gives more at once than a client takes; what is left is kept for the
 * directory that was read last, and for no other: a client with many open directories would have all of them in memory.
 */
export class DirectoryReader {
  readonly #calls: FileCalls
  readonly #buffer = Buffer.allocUnsafeSlow(64 * 1024)
  #last: Read | undefined

  constructor(calls: FileCalls) {
    this.#calls = calls
  }

  read(owner: object, fd: number, cursor: bigint, most: number, looks: Looks): readonly DirectoryEntry[] {
    const last = this.#last
    if (cursor !== 0n && last !== undefined && last.owner === owner && last.cursor === cursor) {
      if (last.next < last.entries.length) return this.#take(last, most)
    } else {
      // A cursor that was made up is the file system's to refuse: then there is nothing there.
      if (cursor >= CURSOR_END || this.#calls.seek(fd, cursor) < 0) return []
    }
    this.#last = undefined
    for (;;) {
      const bytes = this.#calls.readDirectory(fd, this.#buffer)
      // Linux's answer for a directory that was removed: it has nothing in it.
      if (bytes === 0 || bytes === -ERRNO.ENOENT) return []
      check(bytes)
      const entries = this.#parse(bytes, looks)
      // A whole buffer of what is not shown is no end.
      if (entries.length === 0) continue
      const read: Read = { owner, cursor, entries, next: 0 }
      this.#last = read
      return this.#take(read, most)
    }
  }

  forget(owner: object): void {
    if (this.#last?.owner === owner) this.#last = undefined
  }

  #take(read: Read, most: number): readonly DirectoryEntry[] {
    const taken = read.entries.slice(read.next, read.next + most)
    read.next += taken.length
    read.cursor = taken.at(-1)?.cursor ?? read.cursor
    return taken
  }

  #parse(byteCount: number, looks: Looks): DirectoryEntry[] {
    const buffer = this.#buffer
    const entries: DirectoryEntry[] = []
    for (let at = 0; at < byteCount; at += buffer.readUInt16LE(at + 16)) {
      const nameAt = at + HEADER_BYTES
      const name = buffer.toString("latin1", nameAt, buffer.indexOf(0, nameAt))
      if (name === "." || name === "..") continue
      const type = buffer.readUInt8(at + 18)
      const kind = type === DT.unknown ? looks.kindOf(name) : kindOfType(type)
      if (kind === undefined) continue
      const id = looks.idOf(buffer.readBigUInt64LE(at))
      entries.push({ name: parseEntryName(name), kind, id, cursor: buffer.readBigInt64LE(at + 8) })
    }
    return entries
  }
}

function kindOfType(type: number): NodeKind | undefined {
  if (type === DT.file) return "file"
  if (type === DT.directory) return "directory"
  return type === DT.symlink ? "symlink" : undefined
}
