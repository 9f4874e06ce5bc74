import { join } from "node:path"
import { MemoryStoreContents, memoryObjectStore } from "../objects/memory-object-store.ts"
import { openTestStore } from "../testing/disk-store.ts"
import { journalFilesIn } from "./journal-files.ts"
import { JournalContents, memoryJournal } from "./memory-journal.ts"
import { StateStore } from "./state-store.ts"

/** A store in memory that can be opened again: what it would have on disk. */
export interface StoreContents {
  readonly objects: MemoryStoreContents
  readonly journal: JournalContents
}

export const newContents = (): StoreContents => ({
  objects: new MemoryStoreContents(),
  journal: new JournalContents(),
})

const fail = (error: unknown) => {
  throw error
}

export function openMemoryStore(
  contents: StoreContents = newContents(),
  limitBytes?: number,
  onTrouble: (error: unknown) => void = fail,
): StateStore {
  return new StateStore({
    objects: memoryObjectStore({
      contents: contents.objects,
      ...(limitBytes === undefined ? {} : { limitBytes }),
    }),
    journal: memoryJournal(contents.journal),
    now: Date.now,
    onTrouble,
  })
}

export function openDiskStore(directory: string): StateStore {
  return new StateStore({
    objects: openTestStore(join(directory, "objects")),
    journal: journalFilesIn(join(directory, "journal")),
    now: Date.now,
    onTrouble: fail,
  })
}
