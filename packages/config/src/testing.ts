import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { buildSync } from "esbuild"
import { type LoadedSystem, loadSystem } from "./load.ts"
import { type ConfigProgram, configProgram } from "./program.ts"

/** For tests: removed at the end of the scope. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "skerry-config-")))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

let program: ConfigProgram | undefined

/** Bundled as users have it, once for all tests of a file: the process of each evaluation would read every source anew. */
function bundledProgram(): ConfigProgram {
  const folder = temporaryFolder()
  process.once("exit", () => folder[Symbol.dispose]())
  const sources = configProgram(import.meta.url)
  const out = pathToFileURL(join(folder.path, "skerry.mjs")).href
  const bundled = configProgram(out)
  for (const name of ["evaluator", "entry"] as const) {
    buildSync({
      entryPoints: [sources[name]],
      outfile: bundled[name],
      bundle: true,
      platform: "node",
      format: "esm",
      keepNames: true,
    })
  }
  return bundled
}

export function loadIn(
  directory: string,
  options: { deadlineMs?: number; signal?: AbortSignal } = {},
): Promise<LoadedSystem> {
  program ??= bundledProgram()
  return loadSystem(
    { configurationDirectory: directory },
    { program, uid: process.getuid?.() ?? 0, ...options },
  )
}
