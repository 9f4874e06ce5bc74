import { spawn } from "node:child_process"
import type { Readable } from "node:stream"
import { printable } from "@skerry/model"
import { ImageError } from "./errors.ts"
import { LIMITS } from "./limits.ts"

/** The host's programs that a build uses, and the Debian package that each is in. */
export const TOOLS = {
  "apt-get": "apt",
  "apt-cache": "apt",
  "/usr/lib/apt/apt-helper": "apt",
  gpgv: "gpgv",
  mmdebstrap: "mmdebstrap",
  "mkfs.erofs": "erofs-utils",
  "dpkg-deb": "dpkg",
  tar: "tar",
  xz: "xz-utils",
  strip: "binutils",
  unshare: "util-linux",
  setpriv: "util-linux",
} as const
export type Tool = keyof typeof TOOLS

export interface ToolOptions {
  readonly cwd?: string
  /** Everything that the tool sees; nothing is inherited, so that a build does not depend on who runs it. */
  readonly environment?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Sent when the builder dies: TERM lets mmdebstrap unmount and remove what it made. */
  readonly onParentDeath?: "KILL" | "TERM"
  /** Receives the lines of file descriptor 3. */
  readonly onStatusLine?: (line: string) => void
}

export interface ToolResult {
  readonly status: number
  readonly stdout: Buffer
  readonly stderr: string
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** Runs a host program to its end, whatever its status. It does not outlive this process. */
export async function tryTool(
  tool: Tool,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  options.signal?.throwIfAborted()
  const child = spawn("setpriv", ["--pdeathsig", options.onParentDeath ?? "KILL", "--", tool, ...args], {
    cwd: options.cwd ?? "/",
    env: { PATH, LC_ALL: "C.UTF-8", HOME: "/nonexistent", ...options.environment },
    stdio: ["ignore", "pipe", "pipe", options.onStatusLine === undefined ? "ignore" : "pipe"],
  })
  const stop = () => child.kill(options.onParentDeath === "TERM" ? "SIGTERM" : "SIGKILL")
  options.signal?.addEventListener("abort", stop, { once: true })
  try {
    const statusLines = child.stdio[3] as Readable | null | undefined
    if (options.onStatusLine !== undefined && statusLines) forEachLine(statusLines, options.onStatusLine)
    const [status, stdout, stderr] = await Promise.all([
      new Promise<number>((resolve, reject) => {
        child.once("error", reject)
        child.once("close", (code) => resolve(code ?? 128))
      }),
      collect(child.stdout),
      collect(child.stderr),
    ])
    options.signal?.throwIfAborted()
    // setpriv and env both say 127 where there is no such program.
    if (status === 127) throw missing(tool)
    return { status, stdout, stderr: stderr.toString() }
  } catch (error) {
    if (options.signal?.aborted)
      throw new ImageError("aborted", "The build was interrupted", { cause: error })
    if (error instanceof Error && "code" in error && error.code === "ENOENT") throw missing("setpriv")
    throw error
  } finally {
    options.signal?.removeEventListener("abort", stop)
  }
}

/** As `tryTool`; a status other than 0 is an error that begins with `doing`, such as "pack base.erofs". */
export async function runTool(
  doing: string,
  tool: Tool,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<Buffer> {
  const result = await tryTool(tool, args, options)
  if (result.status !== 0) throw toolFailed(doing, tool, result)
  return result.stdout
}

export function toolFailed(doing: string, tool: Tool, result: ToolResult): ImageError {
  return new ImageError(
    "tool-failed",
    `Cannot ${doing}: ${tool} failed with status ${result.status}: ${lastWords(result.stderr)}`,
  )
}

/** The end of what a tool said, in one line: errors come last. */
export function lastWords(untrustedText: string): string {
  const lines = untrustedText
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  const errors = lines.filter((line) => /^(E|Err|error|.*: error)\b/i.test(line))
  const warnings = lines.filter((line) => line.startsWith("W:"))
  const told = [errors, warnings, lines].find((some) => some.length > 0) ?? []
  const text = told.slice(-6).join("; ")
  return text === "" ? "it said nothing" : printable(text.slice(-LIMITS.toolWordsBytes))
}

function missing(tool: Tool): ImageError {
  return new ImageError(
    "tool-missing",
    `Cannot find the program ${tool}, which building an image needs: apt install ${TOOLS[tool]}`,
  )
}

async function collect(stream: Readable | null): Promise<Buffer> {
  if (stream === null) return Buffer.alloc(0)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // The rest is read and dropped: a tool whose output is not taken would wait for ever.
    if (bytes < LIMITS.toolOutputBytes) chunks.push(chunk)
    bytes += chunk.length
  }
  return Buffer.concat(chunks)
}

function forEachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = ""
  stream.setEncoding("utf8")
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = (lines.pop() ?? "").slice(-LIMITS.toolWordsBytes)
    for (const line of lines) onLine(line)
  })
}
