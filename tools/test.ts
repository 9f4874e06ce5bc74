import { globSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runSteps, type Step, startStep } from "./steps.ts"

/*
 * `npm test`: everything, on real images and real virtual machines (on KVM where it works, else emulated).
 * Images are built once and kept between runs in SKERRY_TEST_CACHE; --update rewrites golden files.
 */
const root = join(import.meta.dirname, "..")
const cache = process.env.SKERRY_TEST_CACHE ?? join(tmpdir(), "skerry-test-cache")
const environment = { SKERRY_TEST_CACHE: cache, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node") }
const options = process.argv.slice(2)

const all = globSync("test/**/*.test.ts", { cwd: root }).sort()
/** Of test/, beside all folders: they need no image, and so can run while the images are built. */
const EARLY =
  "audit-,cli-audit,cli-backup,cli-prompt,cli-refused,daemon-,file-,filecopy-,files-,isolation-cgroup,isolation-launch"
const early = new Set(globSync(["test/*/*.test.ts", `test/{${EARLY}}*.test.ts`], { cwd: root }))

// One file after the other: they measure time, count processes and need the memory.
const tests = (name: string, files: readonly string[]): Step => ({
  name,
  command: ["node", "--test", "--test-concurrency=1", "--test-timeout=600000", ...options, ...files],
  environment,
})

const images = startStep(root, {
  name: "images for tests",
  command: ["node", "test/support/build-images.ts"],
  environment,
})
await runSteps(root, [
  { name: "check", command: ["node", "tools/check.ts", ...options] },
  tests(
    "tests on this host",
    all.filter((file) => early.has(file)),
  ),
])
await images
await runSteps(root, [
  tests(
    "tests on real images and domains",
    all.filter((file) => !early.has(file)),
  ),
])
