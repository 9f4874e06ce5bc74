import assert from "node:assert/strict"
import { test } from "node:test"
import { fuzz, readFindings, tryInput } from "./run.ts"
import { targets } from "./targets.ts"

/** Long enough to catch what is plainly wrong on every run; `npm run fuzz` is for the rest. */
const RUN_MS = 250
const INPUTS = 100
const SEED = 20_260_101

for (const target of targets) {
  test(`${target.name}: ${INPUTS} inputs and more find nothing`, async () => {
    const { finding } = await fuzz(target, SEED, RUN_MS, INPUTS)
    assert.equal(finding?.error, undefined)
  })

  test(`${target.name}: past findings stay mended`, async () => {
    for (const { name, input } of await readFindings(target)) {
      assert.equal((await tryInput(target, input))?.error, undefined, name)
    }
  })
}
