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

/** What came of one call to the kernel: entries that follow `start`. */
interface Read {
  readonly owner: object
  readonly start: bigint
  readonly entries: readonly DirectoryEntry[]
  /** Behind those that were given out last. */
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
  readonly #view = new DataView(this.#buffer.buffer)
  #last: Read | undefined

  constructor(calls: FileCalls) {
    this.#calls = calls
  }

  read(owner: object, fd: number, cursor: bigint, most: number, looks: Looks): readonly DirectoryEntry[] {
    const last = this.#last
    const next = last?.owner === owner ? following(last, cursor) : undefined
    if (last !== undefined && next !== undefined) {
      if (next < last.entries.length) return this.#take(last, next, most)
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
      this.#last = { owner, start: cursor, entries, next: 0 }
      return this.#take(this.#last, 0, most)
    }
  }

  forget(owner: object): void {
    if (this.#last?.owner === owner) this.#last = undefined
  }

  #take(read: Read, next: number, most: number): readonly DirectoryEntry[] {
    const taken = read.entries.slice(next, next + most)
    read.next = next + taken.length
    return taken
  }

  #parse(byteCount: number, looks: Looks): DirectoryEntry[] {
    const bytes = this.#buffer
    const view = this.#view
    const entries: DirectoryEntry[] = []
    let length = 0
    for (let at = 0; at < byteCount; at += length) {
      length = view.getUint16(at + 16, true)
      const nameAt = at + HEADER_BYTES
      let end = nameAt
      while (bytes[end] !== 0) end += 1
      const name = bytes.toString("latin1", nameAt, end)
      if (name === "." || name === "..") continue
      const type = view.getUint8(at + 18)
      const kind = type === DT.unknown ? looks.kindOf(name) : kindOfType(type)
      if (kind === undefined) continue
      const id = looks.idOf(view.getBigUint64(at, true))
      entries.push({ name: parseEntryName(name), kind, id, cursor: view.getBigInt64(at + 8, true) })
    }
    return entries
  }
}

/** Where in what was read the entries after a cursor begin: some that were given out may not have been wanted. */
function following({ start, entries, next }: Read, cursor: bigint): number | undefined {
  // From the beginning means anew.
  if (cursor === 0n) return undefined
  for (let index = next; index > 0; index--) if (entries[index - 1]?.cursor === cursor) return index
  return cursor === start ? 0 : undefined
}

function kindOfType(type: number): NodeKind | undefined {
  if (type === DT.file) return "file"
  if (type === DT.directory) return "directory"
  return type === DT.symlink ? "symlink" : undefined
}
