import assert from "node:assert/strict"
import { test } from "node:test"
import { InvalidName, parseApplicationName, parseDigest, parseDomainId, parseInstanceName } from "./names.ts"

test("names have 1 to 31 characters", () => {
  for (const name of ["a", "mail", "x-1", "a".repeat(31)]) assert.equal(parseInstanceName(name), name)
})

const unusable = [
  "",
  "a".repeat(32),
  "a/b",
  "..",
  ".",
  "a\0b",
  "Mail",
  "1a",
  "-a",
  "a\n",
  "é",
  "a_b",
  "constructor",
  "dom0",
  "__proto__",
]
for (const name of unusable) {
  test(`${JSON.stringify(name)} is no name`, () => {
    assert.throws(() => parseInstanceName(name), InvalidName)
    assert.throws(() => parseApplicationName(name), InvalidName)
  })
}

test("the error shows a long name cut", () => {
  assert.throws(
    () => parseInstanceName("x".repeat(10_000)),
    (error: Error) => error.message.length < 250,
  )
})

test("a domain id leaves room for a disposable's random part", () => {
  assert.equal(parseDomainId(`${"a".repeat(31)}-x7k2q9`), `${"a".repeat(31)}-x7k2q9`)
  assert.throws(() => parseDomainId("a".repeat(41)), InvalidName)
})

test("a digest is sha256 and 64 hexadecimal digits", () => {
  const digest = `sha256:${"0a".repeat(32)}`
  assert.equal(parseDigest(digest), digest)
  for (const bad of ["", "0a".repeat(32), `${digest}0`, digest.toUpperCase()]) {
    assert.throws(() => parseDigest(bad), InvalidName)
  }
})
