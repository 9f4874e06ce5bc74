import { spawn } from "node:child_process"
import type { Readable } from "node:stream"
import { ConvertError } from "./convert-error.ts"

/** Bytes kept of what a tool prints about a document: sizes of 10,000 pages fit. */
const PRINTED_BYTES = 4 * 1024 * 1024

/** Where the tools of one conversion work. */
export interface Workplace {
  /** Theirs alone: home, temporary files, results. */
  readonly folder: string
  /** PATH. */
  readonly searchPath: string | undefined
}

/** A program of the domain that reads the document. Everything it says is the document's word. */
export class Tool implements AsyncDisposable {
  readonly stdout: Readable
  readonly #name: string
  readonly #kill: () => void
  readonly #exit: Promise<number>
  #complaint = ""

  constructor(name: string, args: readonly string[], packageName: string, { folder, searchPath }: Workplace) {
    this.#name = name
    const environment = { PATH: searchPath, HOME: folder, TMPDIR: folder, LC_ALL: "C.UTF-8" }
    const child = spawn(name, args, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] })
    this.stdout = child.stdout
    child.stderr.on("data", (chunk) => {
      if (this.#complaint.length < 500) this.#complaint += String(chunk)
    })
    this.#kill = () => child.kill("SIGKILL")
    this.#exit = new Promise((resolve, reject) => {
      child.once("error", (cause) => {
        const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT"
        const why = isMissing ? `it is not installed in this domain (package ${packageName})` : cause.message
        reject(new ConvertError("unsupported", `Cannot run ${name}: ${why}`, { cause }))
      })
      child.once("close", (code, signal) => resolve(signal === null ? (code ?? 1) : 1))
    })
    this.#exit.catch(() => {})
  }

  /** Throws if it failed. */
  async end(): Promise<void> {
    const status = await this.#exit
    if (status === 0) return
    const line = this.#complaint.trim().split("\n").at(-1)?.slice(0, 200)
    throw new ConvertError(
      "render-failed",
      `${this.#name} failed${line ? `: ${line}` : ` with status ${status}`}`,
    )
  }

  async readAll(): Promise<string> {
    let printed = ""
    // A failure to start is told by end(), with its reason.
    this.stdout.on("error", () => {})
    for await (const chunk of this.stdout) {
      printed += String(chunk)
      if (printed.length > PRINTED_BYTES)
        throw new ConvertError("render-failed", `${this.#name} says too much`)
    }
    await this.end()
    return printed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill()
    await this.#exit.catch(() => {})
  }
}
