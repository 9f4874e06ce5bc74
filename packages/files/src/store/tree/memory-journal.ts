import type { JournalFiles } from "./journal-files.ts"

/** What is in the files of a journal in memory; for tests. */
export class JournalContents {
  readonly slots: [Buffer[], Buffer[]] = [[], []]
  /** Bytes of each that survive the loss of power. */
  readonly synchronised: [number, number] = [0, 0]

  bytes(slot: 0 | 1): Buffer {
    const whole = Buffer.concat(this.slots[slot])
    this.slots[slot] = whole.length === 0 ? [] : [whole]
    return whole
  }

  /** Keeps of each file so many bytes of what was not synchronised. */
  losePower(keptBytes: number): void {
    for (const slot of [0, 1] as const) {
      const whole = this.bytes(slot)
      this.slots[slot] = [whole.subarray(0, this.synchronised[slot] + keptBytes)]
    }
  }
}

export function memoryJournal(contents = new JournalContents()): JournalFiles {
  return {
    read: (slot, offset, length) => contents.bytes(slot).subarray(offset, offset + length),
    append: (slot, parts) => void contents.slots[slot].push(Buffer.concat(parts)),
    clear(slot) {
      contents.slots[slot] = []
      contents.synchronised[slot] = 0
    },
    synchronise(slot) {
      contents.synchronised[slot] = contents.bytes(slot).length
    },
    [Symbol.dispose]() {},
  }
}
