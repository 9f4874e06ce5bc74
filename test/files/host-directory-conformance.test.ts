import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openTree } from "../../packages/files/src/backends/host-directory/testing.ts"
import { fileTreeConformance } from "../../packages/files/src/conformance/index.ts"

fileTreeConformance("host directory", {
  open: () => {
    const path = mkdtempSync(join(tmpdir(), "skerry-host-directory-"))
    return { tree: openTree(path), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
  },
})
