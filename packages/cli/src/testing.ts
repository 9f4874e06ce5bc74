import { PassThrough } from "node:stream"
import type { CommandContext, OutputStream } from "./command.ts"
import { dispatch } from "./dispatch.ts"
import { REGISTRY } from "./registry.ts"

/** For this package's tests: keeps what is written. */
export class CapturedOutput extends PassThrough implements OutputStream {
  readonly isTTY: boolean
  readonly columns: number
  constructor(terminal: { isTTY?: boolean; columns?: number } = {}) {
    super()
    this.isTTY = terminal.isTTY ?? false
    this.columns = terminal.columns ?? 80
  }
  get text(): string {
    return (this.read() as Buffer | null)?.toString("utf8") ?? ""
  }
}

export interface TestRun {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command line in this process, with nothing of the machine but what `over` gives. */
export async function runCommandLine(
  words: readonly string[],
  over: Partial<CommandContext> = {},
): Promise<TestRun> {
  const stdout = new CapturedOutput()
  const stderr = new CapturedOutput()
  const nowhere = "/nonexistent/skerry"
  const status = await dispatch(words, {
    stdin: new PassThrough(),
    stdout,
    stderr,
    environment: {},
    cwd: "/",
    uid: process.getuid?.() ?? 0,
    paths: { configuration: nowhere, state: nowhere, cache: nowhere, runtime: nowhere },
    signal: new AbortController().signal,
    takeSignals: () => ({ [Symbol.dispose]: () => undefined }),
    columns: 80,
    coloursOn: () => false,
    now: () => 0,
    commands: REGISTRY,
    programUrl: import.meta.url,
    ...over,
  })
  return { status, stdout: stdout.text, stderr: stderr.text }
}
