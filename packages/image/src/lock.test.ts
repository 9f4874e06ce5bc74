import assert from "node:assert/strict"
import { test } from "node:test"
import { ImageError } from "./errors.ts"
import { formatLock, type Lock, type LockSection, parseLock } from "./lock.ts"

const SECTION: LockSection = {
  request: { kind: "debian", suite: "bookworm", mirror: "host", components: ["main"], packages: ["bash"] },
  packages: [
    {
      name: "bash",
      version: "1:5.2.15-2+b13",
      architecture: "amd64",
      sha256: "a".repeat(64),
      size: 1490652,
      archive: "bookworm-security",
      file: "pool/main/b/bash/bash_5.2.15-2%2bb13_amd64.deb",
    },
  ],
}
const LOCK: Lock = {
  version: 1,
  base: SECTION,
  applications: { scratch: SECTION },
  programs: { node: "b".repeat(64), koffi: "c".repeat(64), lmdb: "d".repeat(64) },
}

test("a lock reads back as it was written, and equal locks are equal bytes", () => {
  assert.deepEqual(parseLock(formatLock(LOCK), "skerry.lock"), LOCK)
  const { programs, applications, base, version } = LOCK
  assert.equal(formatLock({ programs, applications, base, version }), formatLock(LOCK))
})

const changed = (change: object) => JSON.stringify({ ...LOCK, ...change })
const withPackage = (change: object) => {
  const [first] = SECTION.packages
  return changed({ base: { ...SECTION, packages: [{ ...first, ...change }] } })
}

for (const [what, text] of [
  ["a syntax error", "{"],
  ["a version of the future", changed({ version: 2 })],
  ["no base", changed({ base: null })],
  ["a digest that is none", withPackage({ sha256: "A" })],
  ["a size that is none", withPackage({ size: -1 })],
  ["a path that climbs", withPackage({ file: "pool/../../x" })],
  ["a file at another host", withPackage({ file: "//elsewhere/x" })],
  ["a name that is an option", withPackage({ name: "-o" })],
] as const) {
  test(`a lock with ${what} is refused by name and says what to do`, () => {
    assert.throws(
      () => parseLock(text, "/etc/skerry/skerry.lock"),
      (error) =>
        error instanceof ImageError &&
        error.code === "bad-lock" &&
        /skerry\.lock.*--update/s.test(error.message),
    )
  })
}
