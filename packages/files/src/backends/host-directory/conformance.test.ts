import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileTreeConformance } from "../../conformance/index.ts"
import { openTree } from "./testing.ts"

fileTreeConformance("host directory", {
  open: () => {
    const path = mkdtempSync(join(tmpdir(), "skerry-host-directory-"))
    return { tree: openTree(path), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
  },
})
