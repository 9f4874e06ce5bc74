import { PassThrough, type Readable, type Writable } from "node:stream"
import type { CallTo, Program, ProgramIo, ServiceCall } from "./program.ts"

/** For this package's tests: programs in this process, joined by streams as the call runtime joins them. */
export interface Run {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** As the runtime has it: what a program throws is one sentence on stderr, and status 1. */
  readonly status: Promise<number>
}

export interface RunOptions {
  readonly argv?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly openCall?: ProgramIo["openCall"]
  readonly stderr?: PassThrough
}

export function runProgram(program: Program, options: RunOptions = {}): Run {
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const stderr = options.stderr ?? new PassThrough()
  const run = async () => {
    try {
      return await program({
        argv: options.argv ?? [],
        environment: options.environment ?? {},
        cwd: options.cwd ?? "/",
        stdin,
        stdout,
        stderr,
        openCall: options.openCall ?? (() => Promise.reject(new Error("This test lets nobody call"))),
      })
    } catch (error) {
      stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
      return 1
    }
  }
  const status = run().then((code) => {
    stdout.end()
    stderr.end()
    stdin.destroy()
    return code
  })
  return { stdin, stdout, stderr, status }
}

/** The caller's side of a run. */
export function asCall({ stdin, stdout, stderr, status }: Run): ServiceCall {
  const cancelled = Promise.withResolvers<never>()
  return {
    stdin,
    stdout,
    stderr,
    exitCode: Promise.race([status, cancelled.promise]),
    cancel() {
      // The service sees its input break off, and its output go nowhere.
      stdin.destroy(new Error("cancelled"))
      stdout.destroy()
      stderr.destroy()
      cancelled.reject(new Error("The call was given up"))
    },
  }
}

/** An openCall that finds services by name; what it was asked for is kept in `calls`. */
export function serviceTable(services: Readonly<Record<string, (to: CallTo) => Run>>): {
  readonly openCall: ProgramIo["openCall"]
  readonly calls: CallTo[]
} {
  const calls: CallTo[] = []
  return {
    calls,
    async openCall(to) {
      calls.push(to)
      const start = services[to.service]
      if (start === undefined) throw new Error(`No service ${to.service} in this test`)
      return asCall(start(to))
    },
  }
}

export async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}
