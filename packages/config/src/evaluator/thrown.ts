import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { ConfigError } from "../config-error.ts"
import type { JsonSyntaxError } from "../json-text.ts"

/** Says in whose words an error of the evaluation goes on: a ConfigError with the position in the sources. */
export function evaluationError(
  thrown: unknown,
  mainFile: string,
  isSource: (path: string) => boolean,
): ConfigError {
  if (thrown instanceof ConfigError) return thrown
  if (!(thrown instanceof Error)) {
    const what = `the configuration threw ${shorten(inspect(thrown, { depth: 1 }))}`
    return new ConfigError("evaluation-failed", { file: mainFile }, what)
  }
  const stack = thrown.stack ?? ""
  if (thrown instanceof SyntaxError) {
    return new ConfigError("syntax", syntaxPosition(stack) ?? { file: mainFile }, shorten(thrown.message))
  }
  const position = framePosition(stack, isSource) ?? { file: mainFile }
  return new ConfigError("evaluation-failed", position, `the configuration threw: ${shorten(thrown.message)}`)
}

export function jsonError(error: JsonSyntaxError, file: string): ConfigError {
  return new ConfigError("syntax", { file, line: error.line, column: error.column }, error.message)
}

const SHOWN_CHARACTERS = 1000
const shorten = (text: string) =>
  text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text

const asPath = (place: string) => (place.startsWith("file:") ? fileURLToPath(place) : place)

/** Where the engine finds the mistake, not Node's TypeScript parser, the stack does not tell. */
export const hasPosition = (error: SyntaxError): boolean => syntaxPosition(error.stack ?? "") !== undefined

/** What Node printed about an error that nobody caught; undefined where it did not end so. */
export function uncaughtError(untrustedPrinted: string): ConfigError | undefined {
  const starts = [...untrustedPrinted.matchAll(/^file:\/\/\/.*:\d+$/gm)]
  const report = untrustedPrinted.slice(starts.at(-1)?.index ?? untrustedPrinted.length)
  const position = syntaxPosition(report)
  const [, name, message = ""] = /^(\w*Error): (.*)$/m.exec(report) ?? []
  if (position === undefined || name === undefined) return undefined
  return name === "SyntaxError"
    ? new ConfigError("syntax", position, shorten(message))
    : new ConfigError("evaluation-failed", position, `the configuration threw: ${shorten(message)}`)
}

/** Node puts `FILE:LINE`, the line and a mark under the place in front of a syntax error's stack. */
function syntaxPosition(stack: string): { file: string; line: number; column: number } | undefined {
  const lines = stack.split("\n")
  const place = /^((?:file:\/\/)?\/.*):(\d+)$/.exec(lines[0] ?? "")
  if (place === null) return undefined
  const mark = lines.slice(1, 8).find((line) => /^\s*\^+\s*$/.test(line))
  return { file: asPath(place[1] ?? ""), line: Number(place[2]), column: (mark?.indexOf("^") ?? 0) + 1 }
}

/** The innermost frame that is the configuration's own. */
function framePosition(
  stack: string,
  isSource: (path: string) => boolean,
): { file: string; line: number; column: number } | undefined {
  for (const [, place = "", line, column] of stack.matchAll(
    /\(?((?:file:\/\/)?\/[^()\n]*):(\d+):(\d+)\)?$/gm,
  )) {
    const file = asPath(place)
    if (isSource(file)) return { file, line: Number(line), column: Number(column) }
  }
  return undefined
}
