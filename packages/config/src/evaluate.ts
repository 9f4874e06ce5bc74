import { type ChildProcess, spawn } from "node:child_process"
import type { Readable } from "node:stream"
import { printableLines } from "@skerry/model"
import { ConfigError } from "./config-error.ts"
import { type Outcome, RESULT_DESCRIPTOR, type SourceFile } from "./evaluator/outcome.ts"
import { uncaughtError } from "./evaluator/thrown.ts"
import { CONFIG_LIMITS } from "./limits.ts"
import type { ConfigProgram } from "./program.ts"

export interface Evaluation {
  readonly value: unknown
  readonly files: readonly SourceFile[]
  /** What the configuration printed, untrusted, bounded. */
  readonly printed: string
}

export interface EvaluationOptions {
  readonly program: ConfigProgram
  /** Who may own the sources, besides root. */
  readonly uid: number
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

/**
 * Evaluates a configuration in a process of its own, which has ended when this settles. Throws ConfigError,
 * or the signal's reason.
 */
export async function evaluate(configurationPath: string, options: EvaluationOptions): Promise<Evaluation> {
  const position = { file: configurationPath }
  options.signal?.throwIfAborted()
  const child = spawn(process.execPath, evaluatorArguments(configurationPath, options), {
    // Without an environment, a configuration says the same for everyone, and NODE_OPTIONS changes nothing.
    env: { TZ: "UTC" },
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  })
  let stopped: ConfigError | undefined
  const stop = (code: "timeout" | "too-large", what: string) => {
    stopped ??= new ConfigError(code, position, what)
    child.kill("SIGKILL")
  }
  const seconds = options.deadlineMs / 1000
  const deadline = setTimeout(
    () =>
      stop(
        "timeout",
        `did not come to an end within ${seconds} s; look for a loop or a wait that never ends`,
      ),
    options.deadlineMs,
  )
  const onAbort = () => child.kill("SIGKILL")
  options.signal?.addEventListener("abort", onAbort, { once: true })
  const printed = collect([child.stdout, child.stderr], CONFIG_LIMITS.printedBytes, () =>
    stop("too-large", `prints more than ${CONFIG_LIMITS.printedBytes} bytes; a configuration need not print`),
  )
  const result = collect([resultPipe(child)], CONFIG_LIMITS.resultBytes, () =>
    stop("too-large", `is larger than ${CONFIG_LIMITS.resultBytes} bytes once evaluated`),
  )
  try {
    const ending = await ended(child)
    options.signal?.throwIfAborted()
    if (stopped !== undefined) throw stopped
    const text = result()
    if (text === "")
      throw (
        uncaughtError(printed()) ??
        new ConfigError("evaluation-failed", position, describeEnding(ending, printed()))
      )
    const outcome = JSON.parse(text) as Outcome
    if (outcome.kind === "failed") throw new ConfigError(outcome.code, outcome.position, outcome.what)
    return { value: outcome.value, files: outcome.files, printed: printed() }
  } finally {
    clearTimeout(deadline)
    options.signal?.removeEventListener("abort", onAbort)
  }
}

/** Pure. Reading is all that an evaluation may do: no writing, no other processes, no threads. */
export function evaluatorArguments(configurationPath: string, options: EvaluationOptions): string[] {
  return [
    "--permission",
    "--allow-fs-read=*",
    "--disable-warning=ExperimentalWarning",
    `--max-old-space-size=${CONFIG_LIMITS.heapMiB}`,
    options.program.evaluator,
    configurationPath,
    options.program.entry,
    String(options.uid),
  ]
}

function resultPipe(child: ChildProcess): Readable | null {
  return (child.stdio[RESULT_DESCRIPTOR] as Readable | null | undefined) ?? null
}

/** Gathers what the streams bring; over `maxBytes` it says so and keeps no more. */
function collect(
  streams: readonly (Readable | null)[],
  maxBytes: number,
  onOverflow: () => void,
): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  for (const stream of streams) {
    stream?.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) onOverflow()
      else chunks.push(chunk)
    })
  }
  return () => Buffer.concat(chunks).toString("utf8")
}

interface Ending {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

function ended(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (status, signal) => resolve({ status, signal }))
  })
}

/** Node ends so where the configuration awaits something that nothing will ever settle. */
const UNSETTLED_AWAIT = 13
const SHOWN_CHARACTERS = 500

function describeEnding({ status, signal }: Ending, untrustedPrinted: string): string {
  if (status === UNSETTLED_AWAIT) return "awaits something that never settles"
  const how =
    signal === null ? `ended its process with status ${status}` : `its process was ended by ${signal}`
  if (signal === "SIGABRT") return `ran out of memory (${CONFIG_LIMITS.heapMiB} MiB)`
  const last = printableLines(untrustedPrinted.trim().slice(-SHOWN_CHARACTERS))
  return `${how} before it was evaluated${last === "" ? "" : `; it printed last:\n${last}`}`
}
