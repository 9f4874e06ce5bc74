import { describeProblem, type Problem } from "./schema/problem.ts"

export type ConfigErrorCode =
  | "not-found" // there is neither a skerry.config.ts nor a skerry.json
  | "unreadable" // a source cannot be read, or others could have written it
  | "syntax" // a source is no TypeScript, JavaScript or JSON
  | "import-failed" // an import names something that a configuration cannot have
  | "import-cycle" // files import each other in a circle
  | "evaluation-failed" // the configuration threw, exited, or ran out of memory
  | "timeout" // the configuration did not come to an end
  | "too-large" // it printed or returned more than the limits allow
  | "no-value" // there is no default export, or it is no plain data
  | "exists" // there is a configuration where a new one would be written
  | "unwritable" // a new configuration cannot be written
  | "invalid" // the value does not fit the schema; `problems` says where

/** Where in a source an error is; line and column count from 1. */
export interface SourcePosition {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/** A configuration that cannot be used. Nothing that runs was changed by it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError"
  readonly code: ConfigErrorCode
  readonly position: SourcePosition
  /** The message without the position. */
  readonly what: string
  /** Empty but for "invalid". */
  readonly problems: readonly Problem[]

  constructor(
    code: ConfigErrorCode,
    position: SourcePosition,
    what: string,
    options?: ErrorOptions & { readonly problems?: readonly Problem[] },
  ) {
    super(`${showPosition(position)}: ${what}`, options)
    this.code = code
    this.position = position
    this.what = what
    this.problems = options?.problems ?? []
  }
}

function showPosition({ file, line, column }: SourcePosition): string {
  if (line === undefined) return file
  return column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`
}

/** `more` problems were found and not kept. */
export function invalid(file: string, problems: readonly Problem[], more: number): ConfigError {
  const count = problems.length + more
  const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`)
  if (more > 0) lines.push(`\n  … and ${more} more`)
  const what = `${count} ${count === 1 ? "problem" : "problems"}${lines.join("")}`
  return new ConfigError("invalid", { file }, what, { problems })
}
