import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openTree } from "../backends/host-directory/testing.ts"
import { openMemoryStore } from "../store/tree/test-store.ts"
import { sessionConformance } from "./session.ts"

/* Back ends as clients see them; memory's is with the rest of its tests. */

sessionConformance("host directory", {
  open: () => {
    const path = mkdtempSync(join(tmpdir(), "skerry-host-directory-"))
    return { tree: openTree(path), [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
  },
})

sessionConformance("state", {
  open: () => {
    const store = openMemoryStore()
    return { tree: store.stored("work", "make").files, [Symbol.dispose]: () => store[Symbol.dispose]() }
  },
})
