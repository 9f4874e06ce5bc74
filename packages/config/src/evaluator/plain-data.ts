import { ConfigError } from "../config-error.ts"
import { CONFIG_LIMITS } from "../limits.ts"
import { itemPath, memberPath } from "../schema/problem.ts"

/**
 * A copy that is nothing but data: JSON would drop a function without a word, and turn a date into text.
 * Members that are undefined are left out. Throws ConfigError "no-value" or "too-large".
 */
export function plainData(value: unknown, file: string): unknown {
  const ancestors: object[] = []
  let values = 0

  const refuse = (path: string, what: string): never => {
    const where = path === "" ? "the default export" : path
    throw new ConfigError("no-value", { file }, `${where} is ${what}, and a configuration is plain data`)
  }

  const copy = (current: unknown, path: string): unknown => {
    values += 1
    if (values > CONFIG_LIMITS.values) {
      const what = `the configuration has more than ${CONFIG_LIMITS.values} values`
      throw new ConfigError("too-large", { file }, what)
    }
    if (current === null || typeof current === "string" || typeof current === "boolean") return current
    if (typeof current === "number") return Number.isFinite(current) ? current : refuse(path, String(current))
    if (typeof current !== "object") return refuse(path, `of type ${typeof current}`)
    if (ancestors.includes(current)) return refuse(path, "an object that contains itself")
    if (ancestors.length > CONFIG_LIMITS.depth) {
      return refuse(path, `nested deeper than ${CONFIG_LIMITS.depth} levels`)
    }
    if (current instanceof Promise) return refuse(path, "a promise (write await before it)")
    ancestors.push(current)
    const copied = Array.isArray(current) ? items(current, path) : members(current, path)
    ancestors.pop()
    return copied
  }

  const items = (list: readonly unknown[], path: string) =>
    Array.from(list, (item, index) => copy(item, itemPath(path, index)))

  const members = (object: object, path: string) => {
    const prototype: unknown = Object.getPrototypeOf(object)
    if (prototype !== Object.prototype && prototype !== null) {
      refuse(path, `an instance of the class ${object.constructor?.name || "without a name"}`)
    }
    // No prototype: a key `__proto__` becomes a member like every other.
    const copied: Record<string, unknown> = Object.create(null)
    for (const [key, member] of Object.entries(object)) {
      if (member !== undefined) copied[key] = copy(member, memberPath(path, key))
    }
    return copied
  }

  return copy(value, "")
}
