import assert from "node:assert/strict"
import { test } from "node:test"
import { type ConformanceCase, readConformance } from "./conformance-cases.ts"
import { CHECKS } from "./conformance-checks.ts"

const conformance = readConformance(process.env.SKERRY_CONFORMANCE)

/** Informative only, says the reference's recording. */
const INFORMATIVE = new Set(["message", "line", "serialized"])

/** Targets lists are sets. */
const SETS = new Set(["targets"])

function expected({ expect }: ConformanceCase): Record<string, unknown> {
  const kept = Object.entries(expect).filter(([name]) => !INFORMATIVE.has(name))
  return Object.fromEntries(
    kept.map(([name, value]) => [name, SETS.has(name) ? [...(value as string[])].sort() : value]),
  )
}

if (conformance === undefined) {
  test("the answers of the reference", {
    skip: "its questions are not here: SKERRY_CONFORMANCE names the folder with qrexec-policy-cases.json",
  })
} else {
  for (const [kind, cases] of Map.groupBy(conformance.cases, (each) => each.kind)) {
    test(`${kind}: ${cases.length} questions get the reference's answers`, () => {
      const check = CHECKS[kind] ?? assert.fail(`nothing answers questions of kind ${kind}`)
      const different = cases.flatMap((each) => {
        const found = check(each.input, conformance)
        try {
          assert.deepEqual(found, expected(each))
          return []
        } catch {
          return [{ id: each.id, found, expected: expected(each) }]
        }
      })
      assert.deepEqual(different, [])
    })
  }
  test("every kind of question was put, 403 in all", () => {
    assert.equal(conformance.cases.length, 403)
  })
}
