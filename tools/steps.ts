import { spawnSync } from "node:child_process"
import { join } from "node:path"

export interface Step {
  readonly name: string
  /** The program is one that npm installed. */
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs one after the other and ends the process with the first failure. */
export async function runSteps(root: string, steps: readonly Step[]): Promise<void> {
  for (const { name, command, environment } of steps) {
    const [program = "", ...args] = command
    const startMs = performance.now()
    console.log(`\n== ${name}`)
    const { status, signal } = spawnSync(join(root, "node_modules/.bin", program), args, {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, ...environment },
    })
    if (status !== 0) {
      console.error(`\n${name}: failed (${signal ?? `status ${status}`})`)
      process.exit(status ?? 1)
    }
    console.log(`== ${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
  }
}
