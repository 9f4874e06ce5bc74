import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { assertGolden } from "../../../tools/golden.ts"
import { runCommandLine } from "./testing.ts"

const folder = join(import.meta.dirname, "../../../testdata/cli/help")

for (const name of ["completion", "config", "help", "init", "version"]) {
  test(`the help of ${name}`, async () => {
    const { status, stdout } = await runCommandLine(["help", name])
    assert.equal(status, 0)
    assertGolden(join(folder, `${name}.txt`), stdout)
    assert.equal((await runCommandLine([name, "--help"])).stdout, stdout)
  })
}

test("help for an unknown command offers the nearest", async () => {
  const { status, stderr } = await runCommandLine(["help", "confg"])
  assert.deepEqual(
    [status, stderr],
    [2, 'skerry help: No command "confg": did you mean config?\nTry: skerry help help\n'],
  )
})

test("the list names every command but the hidden ones", async () => {
  const { stdout } = await runCommandLine([])
  for (const name of ["init", "config", "version", "help"])
    assert.match(stdout, new RegExp(`^  ${name} +[A-Z]`, "m"))
  assert.doesNotMatch(stdout, /complete-words/)
})
