import assert from "node:assert/strict"
import { test } from "node:test"
import type { Digest } from "@skerry/model"

import { debianApplication, systemOf } from "../../../test/support/sample-system.ts"
import type { Lock, LockedPackage, LockSection } from "./lock.ts"
import { planBuild, planResolution } from "./plan.ts"
import { baseRequest, type GuestProgramDigests, requestOf } from "./recipe.ts"

const SYSTEM = systemOf({ pdf: debianApplication(["poppler-utils"]), scratch: debianApplication([]) })
const PROGRAMS = {
  agent: "sha256:a",
  fileServer: "sha256:f",
  init: "sha256:i",
  supervise: "sha256:s",
  services: "sha256:p",
} as unknown as GuestProgramDigests

const locked = (name: string): LockedPackage => ({
  name,
  version: "1",
  architecture: "amd64",
  sha256: Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64),
  size: 1000,
  archive: "bookworm",
  file: `pool/${name}.deb`,
})
const section = (wanted: readonly string[], ...packages: string[]): LockSection => ({
  request: requestOf(debianApplication(wanted).source),
  packages: packages.map(locked),
})
const LOCK: Lock = {
  version: 1,
  base: {
    request: baseRequest("host"),
    packages: ["busybox-static", "libc6", "libgcc-s1", "libstdc++6", "linux-image-6.1.0-1-amd64"].map(locked),
  },
  applications: { pdf: section(["poppler-utils"], "bash", "poppler-utils"), scratch: section([], "bash") },
  programs: { node: "0", koffi: "1", lmdb: "2" },
}
const kinds = (present: readonly Digest[], lock = LOCK, programs = PROGRAMS) =>
  planBuild(SYSTEM, lock, programs, new Set(present)).steps.map((step) =>
    step.kind === "application" ? `application ${step.name}` : step.kind,
  )

test("without a lock everything is resolved, with a fitting one nothing, on request everything again", () => {
  const sections = ["base", "application pdf", "application scratch"]
  const resolved = (lock: Lock | undefined, update: boolean) =>
    planResolution(SYSTEM, lock, update).map((each) => each.section)
  assert.deepEqual(resolved(undefined, false), sections)
  assert.deepEqual(resolved(LOCK, false), [])
  assert.deepEqual(resolved(LOCK, true), sections)
})

test("only the application whose packages were changed is resolved", () => {
  const changed = systemOf({
    pdf: debianApplication(["poppler-utils", "qpdf"]),
    scratch: debianApplication([]),
  })
  assert.deepEqual(
    planResolution(changed, LOCK, false).map((each) => each.section),
    ["application pdf"],
  )
})

test("downloads come first, then kernel, base and the applications", () => {
  assert.deepEqual(kinds([]), [
    "download",
    "download",
    "download",
    "download",
    "boot",
    "base",
    "application pdf",
    "application scratch",
  ])
})

test("what is present is not made again: with everything there, the plan is empty and needs no room", () => {
  const { keys } = planBuild(SYSTEM, LOCK, PROGRAMS, new Set())
  const all = [keys.boot, keys.base, ...keys.applications.values()]
  const plan = planBuild(SYSTEM, LOCK, PROGRAMS, new Set(all))
  assert.deepEqual(plan.steps, [])
  assert.equal(plan.neededBytes, 0)
})

test("another agent or other programs make another base, and no application anew", () => {
  const { keys } = planBuild(SYSTEM, LOCK, PROGRAMS, new Set())
  const all = [keys.boot, keys.base, ...keys.applications.values()]
  for (const changed of ["agent", "services"] as const) {
    assert.deepEqual(kinds(all, LOCK, { ...PROGRAMS, [changed]: "sha256:b" as Digest }), ["download", "base"])
  }
})

test("another package in one application makes that layer anew, and nothing else", () => {
  const { keys } = planBuild(SYSTEM, LOCK, PROGRAMS, new Set())
  const all = [keys.boot, keys.base, ...keys.applications.values()]
  const applications = {
    ...LOCK.applications,
    pdf: section(["poppler-utils"], "bash", "poppler-utils", "zlib1g"),
  }
  assert.deepEqual(kinds(all, { ...LOCK, applications }), ["download", "application pdf"])
})
