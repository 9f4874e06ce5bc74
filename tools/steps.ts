import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

export interface Step {
  readonly name: string
  /** The program is one that npm installed. */
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs one after the other and ends the process with the first failure. */
export async function runSteps(root: string, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const startMs = performance.now()
    console.log(`\n== ${step.name}`)
    const { status, signal } = spawnSync(...started(root, step))
    if (status !== 0) fail(step, status, signal)
    console.log(`== ${step.name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
  }
}

/** Runs beside what is done meanwhile, and ends with this process at the latest. Waiting for it ends the process if it failed. */
export async function startStep(root: string, step: Step): Promise<void> {
  const child = spawn(...started(root, step))
  const end = () => void child.kill()
  process.once("exit", end)
  const [status, signal] = await once(child, "exit")
  process.off("exit", end)
  if (status !== 0) fail(step, status, signal)
}

const started = (root: string, { command: [program = "", ...args], environment }: Step) =>
  [
    join(root, "node_modules/.bin", program),
    args,
    { cwd: root, stdio: "inherit", env: { ...process.env, ...environment } },
  ] as const

function fail({ name }: Step, status: number | null, signal: string | null): never {
  console.error(`\n${name}: failed (${signal ?? `status ${status}`})`)
  process.exit(status ?? 1)
}
