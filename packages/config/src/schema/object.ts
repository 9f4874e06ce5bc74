import { memberPath, nearly, showFound } from "./problem.ts"
import {
  type AnySchema,
  asObject,
  type Complete,
  type Json,
  ownMember,
  type Schema,
  type Written,
} from "./schema.ts"

interface RequiredField<S extends AnySchema> {
  readonly presence: "required"
  readonly schema: S
  readonly doc: string
}

interface OptionalField<S extends AnySchema> {
  readonly presence: "optional"
  readonly schema: S
  readonly doc: string
  /** In the written form, so that it is completed as what a person writes is. */
  readonly fallback: Json
}

/** Accepted and left out of the complete value. */
interface IgnoredField<S extends AnySchema> {
  readonly presence: "ignored"
  readonly schema: S
  readonly doc: string
}

type Field = RequiredField<AnySchema> | OptionalField<AnySchema> | IgnoredField<AnySchema>
export type Fields = Readonly<Record<string, Field>>

type KeysOf<F extends Fields, P extends Field["presence"]> = {
  [K in keyof F]: F[K]["presence"] extends P ? K : never
}[keyof F]

export type WrittenObject<F extends Fields> = {
  readonly [K in KeysOf<F, "required">]: Written<F[K]["schema"]>
} & { readonly [K in KeysOf<F, "optional" | "ignored">]?: Written<F[K]["schema"]> }
export type CompleteObject<F extends Fields> = {
  readonly [K in KeysOf<F, "required" | "optional">]: Complete<F[K]["schema"]>
}

export const required = <S extends AnySchema>(schema: S, doc: string): RequiredField<S> => ({
  presence: "required",
  schema,
  doc,
})

export const optional = <S extends AnySchema>(
  schema: S,
  fallback: Written<S> & Json,
  doc: string,
): OptionalField<S> => ({ presence: "optional", schema, doc, fallback })

export const ignored = <S extends AnySchema>(schema: S, doc: string): IgnoredField<S> => ({
  presence: "ignored",
  schema,
  doc,
})

/** Named fields; an unknown one is an error, because it would otherwise be ignored without a word. */
export function object<F extends Fields>(
  fields: F,
  naming?: { readonly typeText: string },
): Schema<WrittenObject<F>, CompleteObject<F>> {
  const names = Object.keys(fields)
  return {
    parse(untrustedValue, path, report) {
      const untrustedObject = asObject(untrustedValue)
      if (untrustedObject === undefined) {
        const allowed = `an object with ${names.join(", ")}`
        report.add({ path, found: showFound(untrustedValue), allowed })
        return undefined
      }
      let isWhole = true
      for (const key of Object.keys(untrustedObject)) {
        if (Object.hasOwn(fields, key)) continue
        const missing = names.filter((name) => ownMember(untrustedObject, name) === undefined)
        const allowed = names.join(", ")
        report.add({ path: memberPath(path, key), found: "an unknown key", allowed, ...nearly(key, missing) })
        isWhole = false
      }
      const complete: Record<string, unknown> = {}
      for (const [name, field] of Object.entries(fields)) {
        const untrustedMember = ownMember(untrustedObject, name)
        if (untrustedMember === undefined && field.presence === "ignored") continue
        const value =
          untrustedMember === undefined && field.presence === "optional" ? field.fallback : untrustedMember
        const parsed: unknown = field.schema.parse(value, memberPath(path, name), report)
        if (parsed === undefined) isWhole = false
        else if (field.presence !== "ignored") complete[name] = parsed
      }
      return isWhole ? (complete as CompleteObject<F>) : undefined
    },
    jsonSchema: {
      type: "object",
      properties: Object.fromEntries(
        Object.entries(fields).map(([name, field]) => [name, propertyOf(field)]),
      ),
      required: names.filter((name) => fields[name]?.presence === "required"),
      additionalProperties: false,
    },
    typeText: naming?.typeText ?? objectText(fields),
  }
}

function propertyOf(field: Field): Json {
  const schema = field.schema.jsonSchema as Record<string, Json>
  const described = { ...schema, description: field.doc }
  return field.presence === "optional" ? { ...described, default: field.fallback } : described
}

/** `{ … }` with a comment for each field, as an editor shows it. */
export function objectText(fields: Fields): string {
  const lines = Object.entries(fields).flatMap(([name, field]) => {
    const fallback = field.presence === "optional" ? ` Default: ${JSON.stringify(field.fallback)}.` : ""
    const mark = field.presence === "required" ? "" : "?"
    const type = field.schema.typeText.replaceAll("\n", "\n  ")
    return [`  /** ${field.doc}${fallback} */`, `  readonly ${name}${mark}: ${type}`]
  })
  return `{\n${lines.join("\n")}\n}`
}
