import { spawnSync } from "node:child_process"
import { CliError } from "../cli-error.ts"

const MESSAGE_CHARACTERS = 300

/** Milliseconds of a whole command, from starting its process to its end. Fails unless its status is 0. */
export function timed(words: readonly string[], environment: NodeJS.ProcessEnv): number {
  const [program = "", ...args] = words
  const startMs = performance.now()
  const ended = spawnSync(program, args, { env: environment, stdio: ["ignore", "ignore", "pipe"] })
  const elapsedMs = performance.now() - startMs
  checkEnd(words, ended)
  return elapsedMs
}

/** What a command prints. Fails unless its status is 0. */
export function printed(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  stderr: "pipe" | "inherit" = "pipe",
): string {
  const [program = "", ...args] = words
  const ended = spawnSync(program, args, { env: environment, stdio: ["ignore", "pipe", stderr] })
  checkEnd(words, ended)
  return ended.stdout.toString()
}

interface End {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** Null where it was not captured. */
  readonly stderr: Buffer | null
  readonly error?: Error
}

function checkEnd(words: readonly string[], { status, signal, stderr, error }: End): void {
  if (status === 0) return
  const how = error?.message ?? signal ?? `status ${status}`
  const said = stderr?.toString().trim().slice(-MESSAGE_CHARACTERS) ?? ""
  throw new CliError("refused", `${words.join(" ")} failed (${how})${said === "" ? "" : `: ${said}`}`)
}
