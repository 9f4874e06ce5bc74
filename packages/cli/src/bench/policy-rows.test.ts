import assert from "node:assert/strict"
import { test } from "node:test"
import { evaluate } from "@skerry/policy"
import { POLICY_ROWS, policyBench } from "./policy-rows.ts"

test("the bench has 200 rules, 25 domains, and requests of all three outcomes", () => {
  const { policy, system, decided, asked } = policyBench()
  assert.equal(policy.rules.length, 200)
  assert.equal(system.domains.length, 25)
  const kinds = Map.groupBy(decided, (request) => evaluate(policy, system, request).kind)
  for (const kind of ["allow", "deny"] as const) {
    assert.ok((kinds.get(kind)?.length ?? 0) > 300, `few requests are answered with ${kind}`)
  }
  assert.ok(asked.length > 300)
})

test("each row of the policy has a bar and gives a time", async () => {
  for (const row of POLICY_ROWS) {
    assert.equal(row.bars.length, 1, row.name)
    const value = await row.sample(undefined as never)
    assert.ok(value > 0, row.name)
  }
})
