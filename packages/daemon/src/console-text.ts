import { printable } from "@skerry/model"
import { DAEMON_LIMITS } from "./limits.ts"

/** A guest's text as one bounded line that is safe on a terminal. */
export function escapeUntrusted(untrustedText: string, maxCharacters: number): string {
  const cut =
    untrustedText.length > maxCharacters ? `${untrustedText.slice(0, maxCharacters)}…` : untrustedText
  return printable(cut.replaceAll("\t", " "))
}

/** Cuts console output into lines that are safe to show. Holds at most one line. */
export class ConsoleLines {
  #untrustedPartial = ""
  readonly #onLine: (line: string) => void

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(untrustedText: string): void {
    const lines = (this.#untrustedPartial + untrustedText).split("\n")
    // What is cut is cut for good: a line without end must not be kept growing.
    this.#untrustedPartial = (lines.pop() ?? "").slice(0, DAEMON_LIMITS.consoleLineCharacters + 1)
    for (const line of lines) this.#emit(line)
  }

  /** The guest is gone: what it left without a newline is a line too. */
  end(): void {
    if (this.#untrustedPartial !== "") this.#emit(this.#untrustedPartial)
    this.#untrustedPartial = ""
  }

  #emit(untrustedLine: string): void {
    const line = untrustedLine.endsWith("\r") ? untrustedLine.slice(0, -1) : untrustedLine
    if (line !== "") this.#onLine(escapeUntrusted(line, DAEMON_LIMITS.consoleLineCharacters))
  }
}
