import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ConfigError } from "./config-error.ts"
import { editorProject, typeDeclarations } from "./editor-files.ts"
import { CONFIG_JSON, CONFIG_TYPESCRIPT } from "./load.ts"
import { STARTER_CONFIGURATION } from "./starter.ts"

const TYPES = "skerry.d.ts"
const PROJECT = "tsconfig.json"
/** What a replaced configuration is renamed to. */
const KEPT = ".old"

/**
 * Writes the starter configuration and what editors need beside it; returns the paths that were written.
 * With `force`, a configuration that was there is kept under another name. Throws ConfigError "exists" and
 * "unwritable".
 */
export function initialise(directory: string, options: { readonly force: boolean }): string[] {
  const configuration = join(directory, CONFIG_TYPESCRIPT)
  const existing = [configuration, join(directory, CONFIG_JSON)].find((path) => existsSync(path))
  if (existing !== undefined && !options.force) {
    const what =
      "exists already, and stays as it is; to start again from the starter configuration, add --force"
    throw new ConfigError("exists", { file: existing }, what)
  }
  return writing(directory, () => {
    mkdirSync(directory, { recursive: true, mode: 0o755 })
    if (existsSync(configuration)) renameSync(configuration, `${configuration}${KEPT}`)
    writeWhole(configuration, STARTER_CONFIGURATION)
    return [configuration, ...writeEditorFiles(directory)]
  })
}

/** The types follow this version of Skerry; a project file that is there may be the user's own, and stays. */
export function writeEditorFiles(directory: string): string[] {
  return writing(directory, () => {
    const types = join(directory, TYPES)
    const project = join(directory, PROJECT)
    writeWhole(types, typeDeclarations())
    if (existsSync(project)) return [types]
    writeWhole(project, editorProject())
    return [types, project]
  })
}

/** Under another name first: whoever reads meanwhile, or after a crash, sees the old text or the new. */
function writeWhole(path: string, text: string): void {
  const unfinished = `${path}.new`
  writeFileSync(unfinished, text, { mode: 0o644 })
  renameSync(unfinished, path)
}

function writing<T>(directory: string, write: () => T): T {
  try {
    return write()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (cause instanceof ConfigError || code === undefined) throw cause
    const what = `cannot be written (${code}); check who owns it, or set SKERRY_HOME to a folder of yours`
    throw new ConfigError("unwritable", { file: directory }, what, { cause })
  }
}
