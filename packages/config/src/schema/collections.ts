import { quoted } from "@skerry/model"
import { itemPath, memberPath, showFound } from "./problem.ts"
import { asObject, type Schema } from "./schema.ts"

interface Count {
  readonly min?: number
  readonly max: number
}

const showCount = ({ min = 0, max }: Count) =>
  min === 0 ? `a list of at most ${max} items` : `a list of ${min} to ${max} items`

/** In the order written. */
export function listOf<In, Out>(item: Schema<In, Out>, count: Count): Schema<readonly In[], readonly Out[]> {
  return {
    parse(untrustedValue, path, report) {
      const { min = 0, max } = count
      const untrustedItems = Array.isArray(untrustedValue)
        ? (untrustedValue as readonly unknown[])
        : undefined
      if (untrustedItems === undefined || untrustedItems.length < min || untrustedItems.length > max) {
        report.add({ path, found: showFound(untrustedValue), allowed: showCount(count) })
        return undefined
      }
      const items = untrustedItems.map((each, index) => item.parse(each, itemPath(path, index), report))
      const whole = items.filter((each) => each !== undefined)
      return whole.length === items.length ? whole : undefined
    },
    jsonSchema: { type: "array", items: item.jsonSchema, minItems: count.min ?? 0, maxItems: count.max },
    typeText: `readonly ${/[|{]/.test(item.typeText) ? `(${item.typeText})` : item.typeText}[]`,
  }
}

/** A list whose order and repetitions mean nothing: complete, it is sorted and holds each item once. */
export function setOf<T extends string>(
  item: Schema<T, T>,
  count: Count,
): Schema<readonly T[], readonly T[]> {
  const list = listOf(item, count)
  return {
    ...list,
    parse(untrustedValue, path, report) {
      const items = list.parse(untrustedValue, path, report)
      return items === undefined ? undefined : [...new Set(items)].sort((a, b) => (a < b ? -1 : 1))
    },
  }
}

/**
 * Entries by name. The complete value has no prototype, so that a lookup finds entries and nothing else,
 * whatever their names.
 */
export function mapOf<K extends string, In, Out>(
  key: { readonly allowed: string; readonly pattern: RegExp; parse(untrustedName: string): K | undefined },
  value: Schema<In, Out>,
  limit: { readonly max: number; readonly typeText?: string },
): Schema<Readonly<Record<string, In>>, Readonly<Record<K, Out>>> {
  return {
    parse(untrustedValue, path, report) {
      const untrustedEntries = asObject(untrustedValue)
      const untrustedNames = untrustedEntries === undefined ? [] : Object.keys(untrustedEntries)
      if (untrustedEntries === undefined || untrustedNames.length > limit.max) {
        const found =
          untrustedEntries === undefined ? showFound(untrustedValue) : `${untrustedNames.length} entries`
        report.add({ path, found, allowed: `an object of at most ${limit.max} entries` })
        return undefined
      }
      const entries: Record<string, Out> = Object.create(null)
      let isWhole = true
      for (const untrustedName of untrustedNames) {
        const at = memberPath(path, untrustedName)
        const name = key.parse(untrustedName)
        if (name === undefined) {
          report.add({ path: at, found: `the name ${quoted(untrustedName)}`, allowed: key.allowed })
        }
        const parsed = value.parse(untrustedEntries[untrustedName], at, report)
        if (name === undefined || parsed === undefined) isWhole = false
        else entries[name] = parsed
      }
      return isWhole ? (entries as Record<K, Out>) : undefined
    },
    jsonSchema: {
      type: "object",
      maxProperties: limit.max,
      propertyNames: { pattern: key.pattern.source },
      additionalProperties: value.jsonSchema,
    },
    typeText: `Readonly<Record<string, ${limit.typeText ?? value.typeText}>>`,
  }
}
