import { spawn } from "node:child_process"
import { constants } from "node:os"
import type { Readable, Writable } from "node:stream"
import type { ProgramIo } from "../program.ts"

export interface ChildOptions {
  /** The child reads nothing, and what it prints goes to standard error: the call's streams carry something else. */
  readonly isAside?: boolean
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/**
 * Runs a program in this one's place: its streams are the call's, its end is the result (128 + n for signal n, 127 and
 * 126 as a shell has them where it cannot be run).
 */
export function runChild(
  io: Pick<ProgramIo, "environment" | "cwd" | "stdin" | "stdout" | "stderr">,
  [name = "", ...argv]: readonly string[],
  { isAside = false, environment = {}, cwd = io.cwd }: ChildOptions = {},
): Promise<number> {
  const stdout = isAside ? io.stderr : io.stdout
  const child = spawn(name, argv, {
    cwd,
    env: { ...io.environment, ...environment },
    stdio: [isAside ? "ignore" : handedOn(io.stdin), handedOn(stdout), handedOn(io.stderr)],
  })
  // Piped only where the streams are no descriptors of this process.
  if (child.stdin !== null) {
    child.stdin.on("error", () => {}) // it need not read all that comes
    io.stdin.pipe(child.stdin)
  }
  child.stdout?.pipe(stdout, { end: false })
  child.stderr?.pipe(io.stderr, { end: false })
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      io.stderr.write(`Cannot run ${JSON.stringify(name)}: ${error.code ?? error.message}\n`)
      resolve(error.code === "ENOENT" ? 127 : 126)
    })
    child.once("close", (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

/** The descriptor itself, where the stream is one of this process. */
function handedOn(stream: Readable | Writable): number | "pipe" {
  const { fd } = stream as { fd?: unknown }
  return typeof fd === "number" && fd >= 0 && fd <= 2 ? fd : "pipe"
}
