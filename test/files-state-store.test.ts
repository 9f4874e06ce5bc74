import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { cutStateStore } from "../packages/files/src/store/testing/cut-state.ts"
import { dump } from "../packages/files/src/store/testing/random-steps.ts"
import { stateDumps, TREE } from "../packages/files/src/store/testing/state-workload.ts"
import { verifyTrees } from "../packages/files/src/store/testing/verify-trees.ts"
import { hasStrace } from "../packages/files/src/store/testing/write-stream.ts"
import { openDiskStore, openMemoryStore } from "../packages/files/src/store/tree/test-store.ts"

test("a state store that is cut at any of thousands of points opens with all that was promised", (t) => {
  if (!hasStrace()) return t.skip("strace is not installed")
  const { cuts, opened } = cutStateStore(400, 5)
  t.diagnostic(`${cuts} cuts, ${opened} that differ were opened`)
  assert.ok(cuts > 4000, `${cuts} cuts`)
  assert.ok(opened > 1500, `${opened} opened`)
})

test("a process that is killed in the middle of its work leaves all that it had finished", async () => {
  const STEPS = 120
  const dumps = stateDumps(openMemoryStore(), STEPS).map((lines) => JSON.stringify(lines))
  for (const killAt of [3, 20, 41, 77, 110]) {
    const parent = mkdtempSync(join(tmpdir(), "skerry-kill-"))
    try {
      const { begun, done } = await runUntil(join(parent, "store"), STEPS, killAt)
      using store = openDiskStore(join(parent, "store"))
      const found = dumps.lastIndexOf(JSON.stringify(dump(store.tree(TREE))), begun)
      assert.ok(found >= done, `step ${found} is there, of ${done} finished and ${begun} begun`)
      assert.deepEqual(verifyTrees(store), [])
    } finally {
      rmSync(parent, { recursive: true })
    }
  }
})

/** Kills the script with -9 while it goes on from a step; how far it had come. */
async function runUntil(directory: string, steps: number, killAt: number) {
  const workload = join(import.meta.dirname, "../packages/files/src/store/testing/state-workload.ts")
  const child = spawn(process.execPath, [workload, directory, String(steps)], {
    stdio: ["ignore", "ignore", "pipe"],
  })
  let notes = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    notes += text
    if (notes.includes(`@begun ${killAt}\n`)) child.kill("SIGKILL")
  })
  await once(child, "close")
  const numbers = (kinds: RegExp) => [...notes.matchAll(kinds)].map(([, number]) => Number(number))
  return {
    begun: Math.max(...numbers(/@begun (\d+)\n/g)),
    done: Math.max(...numbers(/@(?:done|durable) (\d+)\n/g)),
  }
}
