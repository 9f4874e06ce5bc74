import { spawn } from "node:child_process"
import { IsolationError } from "./backend.ts"

/** Bytes of a tool's output that are kept: bounds memory, whatever the tool prints. */
const TOOL_OUTPUT_BYTES = 64 << 20
const TOOL_MESSAGE_CHARACTERS = 500

export interface ToolRun {
  readonly argv: readonly string[]
  readonly cwd: string
  /** Where programs are looked up. */
  readonly path: string
  readonly signal: AbortSignal
}

/**
 * Runs a program of the host to its end and returns what it printed. Fails with "spawn-failed" (the message has its
 * complaint) or "aborted"; the program has ended then.
 */
export async function runTool({ argv, cwd, path, signal }: ToolRun): Promise<Buffer> {
  const [file = "", ...args] = argv
  if (signal.aborted) throw new IsolationError("aborted", `Did not run ${file}: aborted`)
  const child = spawn(file, args, {
    cwd,
    env: { PATH: path, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const output: Buffer[] = []
  let outputBytes = 0
  let complaint = ""
  child.stdout.on("data", (piece: Buffer) => {
    outputBytes += piece.length
    if (outputBytes > TOOL_OUTPUT_BYTES) child.kill("SIGKILL")
    else output.push(piece)
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-TOOL_MESSAGE_CHARACTERS)
  })
  const abort = () => child.kill("SIGKILL")
  signal.addEventListener("abort", abort, { once: true })
  try {
    const end = await new Promise<string>((resolve, reject) => {
      child.on("error", reject)
      child.on("close", (code, killedBy) => resolve(code === 0 ? "" : `ended with ${killedBy ?? code}`))
    })
    if (signal.aborted) throw new IsolationError("aborted", `Stopped ${file}`)
    if (end !== "") throw new IsolationError("spawn-failed", `${file} ${end}: ${complaint.trim()}`)
    return Buffer.concat(output)
  } catch (cause) {
    if (cause instanceof IsolationError) throw cause
    throw new IsolationError("spawn-failed", `Cannot run ${file}; install it, or put it into PATH`, { cause })
  } finally {
    signal.removeEventListener("abort", abort)
  }
}
