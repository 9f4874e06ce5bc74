import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, writevSync } from "node:fs"
import { join } from "node:path"
import { makeDirectory, syncDirectory } from "../objects/key-file.ts"

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
  makeDirectory(directory)
  const fds = ([0, 1] as const).map((slot) => openSync(join(directory, `journal-${slot}`), "a+", 0o600))
  syncDirectory(directory)
  const fdOf = (slot: JournalSlot) => fds[slot] as number
  const lengths = fds.map((fd) => fstatSync(fd).size)
  /** What was written last and not whole could not be cut off again. */
  const isTorn = [false, false]
  const cutTorn = (slot: JournalSlot) => {
    if (!isTorn[slot]) return
    ftruncateSync(fdOf(slot), lengths[slot])
    isTorn[slot] = false
  }
  return {
    read(slot, offset, length) {
      const bytes = Buffer.allocUnsafeSlow(length)
      return bytes.subarray(0, readSync(fdOf(slot), bytes, 0, length, offset))
    },
    append(slot, parts) {
      cutTorn(slot)
      const before = lengths[slot] ?? 0
      const bytes = parts.reduce((sum, part) => sum + part.length, 0)
      try {
        const written = writevSync(fdOf(slot), parts)
        if (written !== bytes) throw Object.assign(new Error("The disk is full"), { code: "ENOSPC" })
        lengths[slot] = before + bytes
      } catch (error) {
        isTorn[slot] = true
        cutTorn(slot)
        throw error
      }
    },
    clear(slot) {
      ftruncateSync(fdOf(slot), 0)
      lengths[slot] = 0
      isTorn[slot] = false
    },
    synchronise: (slot) => fdatasyncSync(fdOf(slot)),
    [Symbol.dispose]() {
      for (const fd of fds.splice(0)) closeSync(fd)
    },
  }
}
