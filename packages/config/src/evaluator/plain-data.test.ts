import assert from "node:assert/strict"
import { test } from "node:test"
import { ConfigError } from "../config-error.ts"
import { CONFIG_LIMITS } from "../limits.ts"
import { plainData } from "./plain-data.ts"

test("data is copied as it is, without what is undefined", () => {
  const shared = { a: 1 }
  const copied = plainData({ one: shared, two: [shared, null, "x", true], none: undefined }, "x")
  assert.equal(JSON.stringify(copied), '{"one":{"a":1},"two":[{"a":1},null,"x",true]}')
})

test("a member __proto__ is a member", () => {
  const copied = plainData(JSON.parse('{"__proto__": {"a": 1}}'), "x")
  assert.deepEqual(Object.keys(copied as object), ["__proto__"])
})

const unusable: Readonly<Record<string, unknown>> = {
  "a symbol": Symbol("x"),
  "a big integer": 1n,
  "an infinite number": Number.POSITIVE_INFINITY,
  "a date": new Date(0),
  "a hole in a list": [1, undefined],
  "nothing at all": undefined,
}
for (const [what, value] of Object.entries(unusable)) {
  test(`${what} is refused`, () => {
    assert.throws(() => plainData({ a: { value: [value] } }, "x"), {
      code: "no-value",
      message: /^x: a\.value\[0\]/,
    })
  })
}

test("nesting stands at its limit and not over it", () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
  plainData(nested(CONFIG_LIMITS.depth + 1), "x")
  assert.throws(() => plainData(nested(CONFIG_LIMITS.depth + 2), "x"), ConfigError)
})
