import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

export const ROOT = join(import.meta.dirname, "..")

/** One TypeScript file of this repository. */
export interface SourceFile {
  /** From the repository's root, with "/". */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

export interface Import {
  /** As it is written: "./walk.ts", "@skerry/model", "node:fs". */
  readonly specifier: string
  /** "types" vanish before anything runs, "call" is import("…"). */
  readonly kind: "load" | "types" | "call"
}

/** The code without comments and without text in backticks. */
export const codeOf = (text: string): string =>
  text.replace(/`(?:\\.|[^\\`])*`/gs, '""').replace(/\/\*.*?\*\/|^\s*\/\/.*$/gms, "")

/** Imports at the beginning of a line, over several lines too, and import("…"). */
export function importsOf(text: string): Import[] {
  const code = codeOf(text)
  const statements = code.matchAll(/^(?:import|export)\s(type\s)?(?:[^"'()]*?\sfrom\s+)?"([^"\n]+)"/gm)
  const calls = code.matchAll(/\bimport\(\s*"([^"\n]+)"/g)
  return [
    ...Array.from(statements, ([, type, specifier = ""]) => ({
      specifier,
      kind: type === undefined ? ("load" as const) : ("types" as const),
    })),
    ...Array.from(calls, ([, specifier = ""]) => ({ specifier, kind: "call" as const })),
  ]
}

export function sourceFiles(): SourceFile[] {
  const patterns = ["packages/*/src/**/*.ts", "test/**/*.ts", "tools/**/*.ts", "fuzz/**/*.ts"]
  return globSync(patterns, { cwd: ROOT })
    .sort()
    .map((path) => {
      const text = readFileSync(join(ROOT, path), "utf8")
      return { path, text, imports: importsOf(text) }
    })
}

/** The package that a file belongs to; undefined for test/, tools/ and fuzz/. */
export const packageOf = (path: string): string | undefined => /^packages\/([^/]+)\//.exec(path)?.[1]

/** The package that a specifier such as "@skerry/isolation/conformance" names. */
export const importedPackage = (specifier: string): string | undefined =>
  /^@skerry\/([^/]+)/.exec(specifier)?.[1]

/** The file that a relative specifier means, from the root; undefined for other specifiers. */
export function importedFile(path: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), specifier)) : undefined
}

/** Neither a test nor what only tests use. */
export const isProduct = (path: string): boolean =>
  packageOf(path) !== undefined && !/\.test\.ts$|\/testing(?:\/|\.ts$)|\/conformance|\/scripted-/.test(path)
