import assert from "node:assert/strict"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { ordinaryUser } from "./support/ordinary-user.ts"

test("bubblewrap keeps its promises for an ordinary user too", {
  skip: process.getuid?.() !== 0,
}, async () => {
  const suite = join(import.meta.dirname, "isolation-bubblewrap-conformance.test.ts")
  using user = ordinaryUser()
  const child = user.spawn([process.execPath, "--test-reporter=tap", suite])
  child.stdin?.end()
  assert.ok(child.stdout && child.stderr)
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
  const output = stdout + stderr
  assert.equal(child.exitCode, 0, output)
  assert.match(output, /^# pass (?!0)\d+$/m)
  assert.match(output, /^# fail 0$/m)
})
