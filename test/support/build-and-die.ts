/*
 * Builds one application in the home given as the first argument, and kills itself with SIGKILL at the first moment
 * that is not among the other arguments: each beginning of a step, and each thing made durable. It prints the
 * moments. Without a new one it finishes.
 */
import { buildSystem } from "@skerry/image"
import { hostPaths } from "@skerry/model"
import { buildOptions } from "./image-build.ts"
import { debianApplication, systemOf } from "./sample-system.ts"

const [home = "", ...passed] = process.argv.slice(2)
const paths = hostPaths({ SKERRY_HOME: home }, 0)

function pass(name: string): void {
  process.stdout.write(`${name}\n`)
  if (!passed.includes(name)) process.kill(process.pid, "SIGKILL")
}

// Another command than in the test's first system: a changed system, and so a new generation.
const system = systemOf({ scratch: { ...debianApplication([]), command: ["/bin/true"] } })
const options = await buildOptions(paths, system, {
  onProgress: (event) => {
    if (event.kind === "begin") pass(`begin ${event.step}`)
  },
  onCheckpoint: (name) => pass(`done ${name}`),
})
const result = await buildSystem(options)
process.stdout.write(`generation ${result.generation}\n`)
