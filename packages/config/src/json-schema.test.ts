import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { assertGolden } from "../../../tools/golden.ts"
import { configurationJsonSchema } from "./json-schema.ts"
import { normalise } from "./normalise.ts"

const testdata = join(import.meta.dirname, "../../../testdata/config")

type Rules = Readonly<Record<string, unknown>>

/** The keywords that our schema uses, read as draft 2020-12 has them; another keyword fails the test. */
const KEYWORDS: Readonly<Record<string, (rule: never, value: unknown, rules: Rules) => boolean>> = {
  $schema: () => true,
  title: () => true,
  description: () => true,
  default: () => true,
  type: (type: string, value) =>
    type === "array"
      ? Array.isArray(value)
      : type === "integer"
        ? Number.isInteger(value)
        : type === "object"
          ? isObject(value)
          : type === "null"
            ? value === null
            : typeof value === type,
  enum: (words: readonly unknown[], value) => words.includes(value),
  minimum: (min: number, value) => typeof value !== "number" || value >= min,
  maximum: (max: number, value) => typeof value !== "number" || value <= max,
  maxLength: (max: number, value) => typeof value !== "string" || value.length <= max,
  pattern: (pattern: string, value) => typeof value !== "string" || new RegExp(pattern, "u").test(value),
  minItems: (min: number, value) => !Array.isArray(value) || value.length >= min,
  maxItems: (max: number, value) => !Array.isArray(value) || value.length <= max,
  items: (item: Rules, value) => !Array.isArray(value) || value.every((each) => fits(item, each)),
  required: (names: readonly string[], value) =>
    !isObject(value) || names.every((name) => Object.hasOwn(value, name)),
  maxProperties: (max: number, value) => !isObject(value) || Object.keys(value).length <= max,
  propertyNames: (rules: Rules, value) =>
    !isObject(value) || Object.keys(value).every((name) => fits(rules, name)),
  properties: (properties: Record<string, Rules>, value) =>
    !isObject(value) ||
    Object.entries(value).every(([name, member]) => {
      const rules = Object.hasOwn(properties, name) ? properties[name] : undefined
      return rules === undefined || fits(rules, member)
    }),
  additionalProperties: (rules: Rules | false, value, { properties = {} }) =>
    !isObject(value) ||
    Object.entries(value).every(
      ([name, member]) =>
        Object.hasOwn(properties as object, name) || (rules !== false && fits(rules, member)),
    ),
  oneOf: (choices: readonly Rules[], value) => choices.filter((each) => fits(each, value)).length === 1,
  not: (rules: Rules, value) => !fits(rules, value),
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

function fits(rules: Rules, value: unknown): boolean {
  return Object.entries(rules).every(([keyword, rule]) => {
    const check = KEYWORDS[keyword]
    assert.ok(check, `${keyword} is no keyword that this test knows`)
    return check(rule as never, value, rules)
  })
}

const schema = configurationJsonSchema() as Rules

test("the JSON Schema is the one that is published", () => {
  assertGolden(join(testdata, "skerry.schema.json"), `${JSON.stringify(schema, null, 2)}\n`)
})

test("a complete configuration fits the JSON Schema", () => {
  const written = {
    $schema: "./skerry.schema.json",
    applications: { a: { source: { kind: "debian", packages: ["g++", "less"] }, command: ["less", ""] } },
    resources: {
      home: { kind: "directory", origin: { kind: "state", tree: "home" } },
      tax: { kind: "directory", origin: { kind: "host", path: "~/tax" }, access: "write", at: "/tax" },
      keys: { kind: "service", service: "a.Keys", target: "one" },
    },
    instances: {
      one: { application: "a", isolation: "process", grants: ["keys"] },
      two: { application: "a", grants: ["home", { resource: "tax", access: "read" }] },
    },
  }
  assert.ok(fits(schema, written))
  const { version: _, ...complete } = JSON.parse(normalise(written, "x").canonicalJson) as Record<
    string,
    unknown
  >
  assert.ok(fits(schema, complete))
})

test("what is refused for its shape does not fit the JSON Schema either", () => {
  const refused = readdirSync(join(testdata, "errors"))
    .map((name) => readFileSync(join(testdata, "errors", name), "utf8"))
    // Of references and places no JSON Schema knows.
    .filter((text) => text.includes("===\ninvalid\n") && !/\(scratch\)|neither in nor above/.test(text))
    .map((text) => /^--- skerry\.json\n([\s\S]*)^===$/m.exec(text)?.[1] ?? assert.fail(text))
  assert.ok(refused.length >= 7)
  for (const text of refused) assert.equal(fits(schema, JSON.parse(text)), false, text)
})
