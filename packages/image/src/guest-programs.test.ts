import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { symlinkSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { COMMANDS, SERVICES } from "@skerry/services"
import { bundleProgram } from "./bundle-program.ts"
import { digestsOf, findGuestPrograms } from "./guest-programs.ts"

const found = await findGuestPrograms(import.meta.url, bundleProgram)

test("the programs of an image are those of the tables, and another name is another image", () => {
  const { services } = found
  assert.deepEqual(new Set(services.commands), new Set(Object.keys(COMMANDS)))
  assert.deepEqual(new Set(services.services), new Set(Object.keys(SERVICES)))
  const renamed = { ...found, services: { ...services, commands: [...services.commands, "other"] } }
  assert.notEqual(digestsOf(renamed).services, digestsOf(found).services)
})

test("the bundle runs the program that it is called by, and is the same each time", async () => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-programs-"))
  try {
    const file = join(directory, "programs.cjs")
    const link = join(directory, "qrexec-client-vm")
    writeFileSync(file, found.services.bundle)
    symlinkSync(file, link)
    assert.match(
      execFileSync(process.execPath, [link, "--help"], { encoding: "utf8" }),
      /^Usage: skerry-call/,
    )
    const again = await findGuestPrograms(import.meta.url, bundleProgram)
    assert.deepEqual(again.services, found.services)
  } finally {
    await rm(directory, { recursive: true })
  }
})
