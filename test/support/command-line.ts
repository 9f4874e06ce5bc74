import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { buffer, text } from "node:stream/consumers"

export const repository = join(import.meta.dirname, "../..")

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Skerry's command line for one home; ending it kills what was started through it. */
export class CommandLine {
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Node and its arguments, or a program. */
  readonly #program: readonly string[]
  readonly #children = new Set<ChildProcess>()

  constructor(folder: string, program: readonly string[]) {
    this.folder = folder
    this.#program = program
    this.environment = { PATH: process.env.PATH, HOME: folder, SKERRY_HOME: folder, LANG: "C.UTF-8" }
  }

  /** The same program for another home. */
  at(folder: string): CommandLine {
    return new CommandLine(folder, this.#program)
  }

  /** Where the daemon's sockets are. */
  get runtime(): string {
    return join(this.folder, "run")
  }

  /** Starts any program in this environment, in which $SKERRY is the command line. */
  start(words: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program = "", ...rest] = words
    const env = { ...this.environment, SKERRY: this.#program.join(" ") }
    const child = spawn(program, rest, { env, ...options })
    this.#children.add(child)
    child.once("close", () => this.#children.delete(child))
    return child
  }

  spawn(...words: string[]): ChildProcess {
    return this.start([...this.#program, ...words])
  }

  /** Of the command line, for programs that start it themselves. */
  words(...words: string[]): string[] {
    return [...this.#program, ...words]
  }

  /** Runs a shell script: its pipes are pipes, while those of spawn() are sockets, which are not handed over. */
  shell(script: string): Promise<Ended> {
    return ended(this.start(["/bin/bash", "-c", script]))
  }

  async run(words: readonly string[], input: string | Buffer = ""): Promise<Ended> {
    const child = this.spawn(...words)
    child.stdin?.on("error", () => {}) // a command need not read its input
    child.stdin?.end(input)
    return ended(child)
  }

  /** As run(), with the bytes of standard output. */
  async bytes(words: readonly string[], input: Buffer): Promise<Buffer> {
    const child = this.spawn(...words)
    child.stdin?.on("error", () => {}) // a command need not read its input
    child.stdin?.end(input)
    const [stdout] = await Promise.all([buffer(readable(child.stdout)), once(child, "close")])
    return stdout
  }

  /** What `--json` lists. */
  async list<Row>(...words: string[]): Promise<Row[]> {
    const { stdout, stderr } = await this.run([...words, "--json"])
    if (stdout === "") throw new Error(`skerry ${words.join(" ")} listed nothing: ${stderr}`)
    return JSON.parse(stdout)
  }

  async end(): Promise<void> {
    await this.run(["daemon", "--stop"])
    for (const child of this.#children) child.kill("SIGKILL")
  }

  /** Ends, and removes the home. */
  async remove(): Promise<void> {
    await this.end()
    rmSync(this.folder, { recursive: true })
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr] = await Promise.all([
    text(readable(child.stdout)),
    text(readable(child.stderr)),
    once(child, "close"),
  ])
  return { status: child.exitCode, stdout, stderr }
}

/** Resolves with all that was printed so far, once the pattern is in it. */
export async function said(child: ChildProcess, pattern: RegExp, timeoutMs = 60_000): Promise<string> {
  const stream = readable(child.stdout)
  const signal = AbortSignal.timeout(timeoutMs)
  let heard = ""
  while (!pattern.test(heard)) {
    const chunk: Buffer | null = stream.read()
    if (chunk !== null) heard += chunk.toString()
    else if (stream.readableEnded)
      throw new Error(`It ended before it said ${pattern}: ${JSON.stringify(heard)}`)
    else await Promise.race([once(stream, "readable", { signal }), once(stream, "end", { signal })])
  }
  return heard
}

function readable(stream: Readable | null): Readable {
  if (stream === null) throw new Error("The child has no such stream")
  return stream
}
