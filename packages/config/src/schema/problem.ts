import { nearMatch, quoted } from "@skerry/model"
import { CONFIG_LIMITS } from "../limits.ts"

/** One thing that is wrong in a configuration. */
export interface Problem {
  /** Where: `instances.mail.application`; empty for the whole. */
  readonly path: string
  /** What stands there, in words that may be shown. */
  readonly found: string
  readonly allowed: string
  /** What was probably meant. */
  readonly near?: string
}

export function describeProblem({ path, found, allowed, near }: Problem): string {
  const hint = near === undefined ? "" : `; did you mean ${quoted(near)}?`
  return `${path === "" ? "the configuration" : path}: found ${found}; allowed: ${allowed}${hint}`
}

/** Collects problems, up to a bound; what is over it is only counted. */
export class Report {
  readonly problems: Problem[] = []
  #more = 0

  add(problem: Problem): void {
    if (this.problems.length < CONFIG_LIMITS.problems) this.problems.push(problem)
    else this.#more += 1
  }

  /** Problems that were found and not kept. */
  get more(): number {
    return this.#more
  }
}

/** The path of a member, `key` as it would be written in a program. */
export function memberPath(path: string, key: string): string {
  const shown = /^[A-Za-z_$][\w$-]{0,63}$/.test(key) ? key : undefined
  if (shown === undefined) return `${path}[${quoted(key)}]`
  return path === "" ? shown : `${path}.${shown}`
}

export const itemPath = (path: string, index: number): string => `${path}[${index}]`

/** A value of unknown shape, short and safe to show. */
export function showFound(untrustedValue: unknown): string {
  if (untrustedValue === undefined) return "nothing"
  if (typeof untrustedValue === "string") return quoted(untrustedValue)
  if (Array.isArray(untrustedValue)) return `a list of ${untrustedValue.length}`
  if (typeof untrustedValue === "object" && untrustedValue !== null) return "an object"
  return String(untrustedValue)
}

/** For `allowed`: the first names of many. */
export function showNames(names: readonly string[]): string {
  const shown = names.slice(0, CONFIG_LIMITS.shownNames).join(", ")
  const more = names.length - CONFIG_LIMITS.shownNames
  return more > 0 ? `${shown} and ${more} more` : shown
}

/** Spread into a problem: `near` only where there is one. */
export function nearly(found: string, words: readonly string[]): { near?: string } {
  const near = nearMatch(found, words)
  return near === undefined ? {} : { near }
}
