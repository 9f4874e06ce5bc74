import { ConfigError } from "../config-error.ts"
import { CONFIG_LIMITS } from "../limits.ts"

/**
 * Who imports whom. JavaScript allows circles, and hands out names that are not filled yet; in a
 * configuration that is always a mistake, so it is named instead.
 */
export class ImportGraph {
  readonly #imports = new Map<string, Set<string>>()

  /** Throws ConfigError "import-cycle" with the way round, or "too-large". */
  add(importer: string, imported: string): void {
    const way = this.#way(imported, importer)
    if (way !== undefined) {
      const circle = [...way, imported].map((path) => shortName(path, importer)).join(" → ")
      throw new ConfigError(
        "import-cycle",
        { file: importer },
        `files import each other in a circle: ${circle}`,
      )
    }
    const imports = this.#imports.get(importer) ?? new Set()
    this.#imports.set(importer, imports.add(imported))
    if (this.#imports.size > CONFIG_LIMITS.sourceFiles) {
      const what = `a configuration has at most ${CONFIG_LIMITS.sourceFiles} files`
      throw new ConfigError("too-large", { file: importer }, what)
    }
  }

  /** The files on the way, both ends included. */
  #way(from: string, to: string, seen = new Set<string>()): string[] | undefined {
    if (from === to) return [to]
    seen.add(from)
    for (const next of this.#imports.get(from) ?? []) {
      if (seen.has(next)) continue
      const way = this.#way(next, to, seen)
      if (way !== undefined) return [from, ...way]
    }
    return undefined
  }
}

/** Beside the importer, a file is known by its name. */
function shortName(path: string, importer: string): string {
  const folder = importer.slice(0, importer.lastIndexOf("/") + 1)
  return path.startsWith(folder) ? path.slice(folder.length) : path
}
