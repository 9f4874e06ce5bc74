import { fileURLToPath } from "node:url"

/** The program files of this package, as paths that a child process is given. */
export interface ConfigProgram {
  /** The program of the evaluating process: evaluator/main.ts. */
  readonly evaluator: string
  /** What `import … from "skerry"` means: entry.ts. */
  readonly entry: string
}

/** The names of these files beside a bundled program: tools/bundle.ts builds them as entry points. */
export const BUNDLED_CONFIG_PROGRAM = { evaluator: "config-evaluator.js", entry: "config-entry.js" } as const

/**
 * Where the files are, for the program whose main file has the URL `programUrl`: sources are found in this
 * package, a bundle has them beside itself.
 */
export function configProgram(programUrl: string): ConfigProgram {
  const isSource = programUrl.endsWith(".ts")
  const find = (source: string, bundled: string) =>
    fileURLToPath(isSource ? new URL(source, import.meta.url) : new URL(bundled, programUrl))
  return {
    evaluator: find("./evaluator/main.ts", BUNDLED_CONFIG_PROGRAM.evaluator),
    entry: find("./entry.ts", BUNDLED_CONFIG_PROGRAM.entry),
  }
}
