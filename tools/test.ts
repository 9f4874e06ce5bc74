import { globSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runSteps } from "./steps.ts"

/*
 * `npm test`: everything, on real images and real virtual machines (on KVM where it works, else emulated).
 * Images are built once and kept between runs in SKERRY_TEST_CACHE; --update rewrites golden files.
 */
const root = join(import.meta.dirname, "..")
const cache = process.env.SKERRY_TEST_CACHE ?? join(tmpdir(), "skerry-test-cache")
const systemTests = globSync("test/**/*.test.ts", { cwd: root }).sort()

await runSteps(root, [
  { name: "check", command: ["node", "tools/check.ts", ...process.argv.slice(2)] },
  {
    name: "tests on real images and domains",
    // One file after the other: they measure time, count processes and need the memory.
    command: [
      "node",
      "--test",
      "--test-concurrency=1",
      "--test-timeout=600000",
      ...process.argv.slice(2),
      ...systemTests,
    ],
    environment: { SKERRY_TEST_CACHE: cache, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node") },
  },
])
