import assert from "node:assert/strict"
import { test } from "node:test"
import { evaluatorArguments } from "./evaluate.ts"

test("the evaluating process may read, and nothing else", () => {
  const program = { evaluator: "/lib/config-evaluator.js", entry: "/lib/config-entry.js" }
  assert.deepEqual(evaluatorArguments("/etc/skerry/skerry.config.ts", { program, uid: 7, deadlineMs: 1 }), [
    "--permission",
    "--allow-fs-read=*",
    "--disable-warning=ExperimentalWarning",
    "--max-old-space-size=256",
    "/lib/config-evaluator.js",
    "/etc/skerry/skerry.config.ts",
    "/lib/config-entry.js",
    "7",
  ])
})
