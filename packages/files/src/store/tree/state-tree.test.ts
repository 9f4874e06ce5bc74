import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileTreeConformance, type TreeFixture } from "../../conformance/index.ts"
import type { StateStore } from "./state-store.ts"
import { openDiskStore, openMemoryStore } from "./test-store.ts"

function fixture(store: StateStore, quotaBytes: number, dispose = () => {}): TreeFixture {
  const { files, state } = store.stored("work", "make")
  state.quota = { bytes: quotaBytes, files: 0 }
  return {
    tree: files,
    [Symbol.dispose]() {
      store[Symbol.dispose]()
      dispose()
    },
  }
}

fileTreeConformance("state, objects in memory", {
  open: () => fixture(openMemoryStore(), 0),
  openSmall: (bytes) => fixture(openMemoryStore(), bytes),
})

fileTreeConformance("state, objects on disk", {
  open: () => {
    const directory = mkdtempSync(join(tmpdir(), "skerry-state-"))
    return fixture(openDiskStore(directory), 0, () => rmSync(directory, { recursive: true }))
  },
})
