import type { Schema } from "./schema.ts"

/** A schema whose complete value takes one more step: what depends on several of its parts. Undefined: it was refused. */
export function completing<In, A, B>(
  schema: Schema<In, A>,
  complete: (value: A) => B | undefined,
): Schema<In, B> {
  return {
    parse(untrustedValue, path, report) {
      const value = schema.parse(untrustedValue, path, report)
      return value === undefined ? undefined : complete(value)
    },
    jsonSchema: schema.jsonSchema,
    typeText: schema.typeText,
  }
}
