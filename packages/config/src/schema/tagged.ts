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

/** Known by name, so that its error can say that it is coming; refused until it has a schema. */
export const notYet = { isBuilt: false } as const

type Kind = AnySchema | typeof notYet
type Kinds = Readonly<Record<string, Kind>>
type Built<K extends Kinds> = {
  [N in keyof K]: K[N] extends AnySchema ? K[N] : never
}[keyof K]

const isBuilt = (kind: Kind): kind is AnySchema => kind !== notYet

/**
 * Objects told apart by `kind`. To add one: its line in `kinds`, with an object() that has `kind: oneOf(its
 * name)` among its fields.
 */
export function tagged<K extends Kinds>(
  what: string,
  kinds: K,
): Schema<Written<Built<K>>, Complete<Built<K>>> {
  const built = Object.entries(kinds).filter((entry): entry is [string, AnySchema] => isBuilt(entry[1]))
  const builtNames = built.map(([name]) => JSON.stringify(name))
  const allowed = builtNames.length === 0 ? `no ${what} yet` : `${what} kind ${builtNames.join(" or ")}`
  return {
    parse(untrustedValue, path, report) {
      const untrustedObject = asObject(untrustedValue)
      if (untrustedObject === undefined) {
        report.add({ path, found: showFound(untrustedValue), allowed: `an object with a kind; ${allowed}` })
        return undefined
      }
      const untrustedKind = ownMember(untrustedObject, "kind")
      const at = memberPath(path, "kind")
      if (typeof untrustedKind !== "string" || !Object.hasOwn(kinds, untrustedKind)) {
        const near = typeof untrustedKind === "string" ? nearly(untrustedKind, Object.keys(kinds)) : {}
        report.add({ path: at, found: showFound(untrustedKind), allowed, ...near })
        return undefined
      }
      const kind = kinds[untrustedKind]
      if (kind === undefined || !isBuilt(kind)) {
        const found = `${what} kind ${JSON.stringify(untrustedKind)}, which is not available in this version`
        report.add({ path: at, found, allowed })
        return undefined
      }
      return kind.parse(untrustedValue, path, report)
    },
    jsonSchema:
      built.length === 0 ? { not: {} } : { oneOf: built.map(([, schema]) => schema.jsonSchema as Json) },
    typeText: built.length === 0 ? "never" : built.map(([, schema]) => schema.typeText).join(" | "),
  }
}
