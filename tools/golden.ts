import assert from "node:assert/strict"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

/** Compares with the text in a golden file; `node x.test.ts --update` rewrites it instead. */
export function assertGolden(path: string, actual: string): void {
  if (process.argv.includes("--update")) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, actual)
    return
  }
  const expected = existsSync(path) ? readFileSync(path, "utf8") : "(there is no golden file yet)"
  assert.equal(actual, expected, `differs from ${path}; to accept it, run this test file with --update`)
}
