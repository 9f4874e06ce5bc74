import assert from "node:assert/strict"
import { test } from "node:test"
import { Report } from "./schema/problem.ts"
import { systemSchema } from "./system-schema.ts"

test("the types of a complete configuration follow from its description", () => {
  const complete = systemSchema.parse({ applications: {}, instances: {} }, "", new Report())
  assert.ok(complete)
  // The compiler is what tests here: each line stops compiling where a type is lost on the way.
  const domains: number = complete.settings.limits.domains
  const levels: ("vm" | "process")[] = Object.values(complete.instances).map((instance) => instance.isolation)
  const packages: string[] = Object.values(complete.applications).flatMap(({ source }) => source.packages)
  assert.deepEqual([domains, levels, packages], [128, [], []])
})
