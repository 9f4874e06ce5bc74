import { nearly, showFound } from "./problem.ts"
import type { Schema } from "./schema.ts"

export const bool: Schema<boolean, boolean> = {
  parse(untrustedValue, path, report) {
    if (typeof untrustedValue === "boolean") return untrustedValue
    report.add({ path, found: showFound(untrustedValue), allowed: "true or false" })
    return undefined
  },
  jsonSchema: { type: "boolean" },
  typeText: "boolean",
}

/** A whole number from `min` to `max`. */
export function integer({
  min,
  max,
}: {
  readonly min: number
  readonly max: number
}): Schema<number, number> {
  return {
    parse(untrustedValue, path, report) {
      if (Number.isInteger(untrustedValue)) {
        const value = untrustedValue as number
        if (value >= min && value <= max) return value
      }
      report.add({ path, found: showFound(untrustedValue), allowed: `a whole number from ${min} to ${max}` })
      return undefined
    },
    jsonSchema: { type: "integer", minimum: min, maximum: max },
    typeText: "number",
  }
}

/** The value, or null where there is none. */
export function orNull<In, Out>(schema: Schema<In, Out>): Schema<In | null, Out | null> {
  return {
    parse: (untrustedValue, path, report) =>
      untrustedValue === null ? null : schema.parse(untrustedValue, path, report),
    jsonSchema: { oneOf: [schema.jsonSchema, { type: "null" }] },
    typeText: `${schema.typeText} | null`,
  }
}

/** One of a closed set of words. */
export function oneOf<const T extends string>(...words: readonly T[]): Schema<T, T> {
  const shown = words.map((word) => JSON.stringify(word))
  return {
    parse(untrustedValue, path, report) {
      const word = words.find((each) => each === untrustedValue)
      if (word !== undefined) return word
      const near = typeof untrustedValue === "string" ? nearly(untrustedValue, words) : {}
      report.add({ path, found: showFound(untrustedValue), allowed: shown.join(" or "), ...near })
      return undefined
    },
    jsonSchema: { enum: words },
    typeText: shown.join(" | "),
  }
}

/** Text of at most `max` characters that fits `pattern`; `allowed` says the same to people. */
export function text<T extends string = string>(rule: {
  readonly allowed: string
  readonly pattern: RegExp
  readonly max: number
  /** In the type: a type parameter, where the text is a name that is declared elsewhere. */
  readonly typeText?: string
}): Schema<T, T> {
  return {
    parse(untrustedValue, path, report) {
      const fits =
        typeof untrustedValue === "string" &&
        untrustedValue.length <= rule.max &&
        rule.pattern.test(untrustedValue)
      if (fits) return untrustedValue as T
      const isLong = typeof untrustedValue === "string" && untrustedValue.length > rule.max
      const found = `${showFound(untrustedValue)}${isLong ? ` (${untrustedValue.length} characters)` : ""}`
      report.add({ path, found, allowed: rule.allowed })
      return undefined
    },
    jsonSchema: { type: "string", maxLength: rule.max, pattern: rule.pattern.source },
    typeText: rule.typeText ?? "string",
  }
}
