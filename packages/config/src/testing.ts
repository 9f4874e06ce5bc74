import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type LoadedSystem, loadSystem } from "./load.ts"
import { configProgram } from "./program.ts"

/** For this package's tests: removed at the end of the scope. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "skerry-config-")))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export function loadIn(
  directory: string,
  options: { deadlineMs?: number; signal?: AbortSignal } = {},
): Promise<LoadedSystem> {
  const program = configProgram(import.meta.url)
  return loadSystem(
    { configurationDirectory: directory },
    { program, uid: process.getuid?.() ?? 0, ...options },
  )
}
