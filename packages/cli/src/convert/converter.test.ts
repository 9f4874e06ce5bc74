import assert from "node:assert/strict"
import { test } from "node:test"
import type { System } from "@skerry/model"
import { converterOf } from "./converter.ts"

const system = (packages: Readonly<Record<string, readonly string[]>>, defaultDisposable: string | null) =>
  ({
    applications: Object.fromEntries(
      Object.entries(packages).map(([name, packages]) => [name, { source: { packages } }]),
    ),
    instances: Object.fromEntries(Object.keys(packages).map((name) => [name, { application: name }])),
    settings: { defaultDisposable },
  }) as unknown as System

test("the default converts where it can, else the first instance that can", () => {
  const packages = { scratch: ["bash"], pdf: ["poppler-utils"], more: ["poppler-utils"] }
  assert.equal(converterOf(system(packages, "more")), "@dispvm")
  assert.equal(converterOf(system(packages, "scratch")), "@dispvm:pdf")
  assert.equal(converterOf(system(packages, null)), "@dispvm:pdf")
})

test("where none can, the default says what is missing", () => {
  assert.equal(converterOf(system({ scratch: ["bash"] }, "scratch")), "@dispvm")
})
