import assert from "node:assert/strict"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { assertGolden } from "../../../tools/golden.ts"
import { ConfigError } from "./config-error.ts"
import { loadIn, temporaryFolder } from "./testing.ts"

/*
 * One file per mistake: `--- NAME` and the text of a source, for each source; after `===`, the code and the
 * message that come of it.
 */
const folder = join(import.meta.dirname, "../../../testdata/config/errors")

for (const name of readdirSync(folder)) {
  test(`the error of ${name.replace(".txt", "")} says what to do`, async () => {
    using directory = temporaryFolder()
    const path = join(folder, name)
    const [given = ""] = readFileSync(path, "utf8").split(/^===$/m)
    for (const [, file = "", text = ""] of given.matchAll(/^--- (.*)\n((?:(?!--- ).*\n)*)/gm)) {
      writeFileSync(join(directory.path, file), text)
    }
    const error = await loadIn(directory.path).then(
      () => assert.fail("it was accepted"),
      (error: unknown) => error,
    )
    assert.ok(error instanceof ConfigError, String(error))
    const message = error.message.replaceAll(`${directory.path}/`, "")
    assertGolden(path, `${given}===\n${error.code}\n${message}\n`)
  })
}
