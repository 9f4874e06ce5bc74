import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writevSync,
} from "node:fs"
import { join } from "node:path"

/** The journal has two lives on disk in turns. */
export type JournalSlot = 0 | 1

/** Where the journal is written: one that is cut at any byte, or not written to the end, must not surprise it. */
export interface JournalFiles extends Disposable {
  /** Up to `length` bytes; fewer at the end. */
  read(slot: JournalSlot, offset: number, length: number): Uint8Array
  /** All of it, or nothing and an error. */
  append(slot: JournalSlot, parts: readonly Uint8Array[]): void
  clear(slot: JournalSlot): void
  /** After it returns, what was appended survives the loss of power. */
  synchronise(slot: JournalSlot): void
}

/** Two files in a directory, which is made. Errors are Node's own. */
export function journalFilesIn(directory: string): JournalFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const fds = ([0, 1] as const).map((slot) => openSync(join(directory, `journal-${slot}`), "a+", 0o600))
  const directoryFd = openSync(directory, "r")
  fsyncSync(directoryFd)
  closeSync(directoryFd)
  const fdOf = (slot: JournalSlot) => fds[slot] as number
  const lengths = fds.map((fd) => fstatSync(fd).size)
  return {
    read(slot, offset, length) {
      const bytes = Buffer.allocUnsafeSlow(length)
      return bytes.subarray(0, readSync(fdOf(slot), bytes, 0, length, offset))
    },
    append(slot, parts) {
      const before = lengths[slot] ?? 0
      const bytes = parts.reduce((sum, part) => sum + part.length, 0)
      try {
        const written = writevSync(fdOf(slot), parts)
        if (written !== bytes) throw Object.assign(new Error("The disk is full"), { code: "ENOSPC" })
        lengths[slot] = before + bytes
      } catch (error) {
        ftruncateSync(fdOf(slot), before)
        throw error
      }
    },
    clear(slot) {
      ftruncateSync(fdOf(slot), 0)
      lengths[slot] = 0
    },
    synchronise: (slot) => fdatasyncSync(fdOf(slot)),
    [Symbol.dispose]() {
      for (const fd of fds.splice(0)) closeSync(fd)
    },
  }
}
