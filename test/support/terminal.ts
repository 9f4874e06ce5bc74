import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { closeSync } from "node:fs"
import { ReadStream, WriteStream } from "node:tty"
import { openLinux } from "@skerry/linux"
import type { CommandLine } from "./command-line.ts"

const linux = openLinux()

/** A program in a pseudo-terminal in the place of a user's: the controlling one of its session. */
export class Terminal implements AsyncDisposable {
  readonly #master: number
  readonly #child: ChildProcess
  readonly #input: WriteStream
  readonly #output: ReadStream
  readonly exited: Promise<unknown>
  #shown = ""
  /** All of it, from the beginning. */
  transcript = ""

  constructor(home: CommandLine, words: readonly string[], size = { rows: 33, columns: 77 }) {
    const { master, slave } = linux.openPty(size)
    this.#master = master
    this.#child = home.start(["setsid", "--ctty", "--wait", ...words], { stdio: [slave, slave, slave] })
    this.exited = once(this.#child, "exit")
    closeSync(slave)
    this.#output = new ReadStream(master)
    this.#output.on("error", () => {}) // EIO: nobody has the other end open any more
    this.#output.on("data", (chunk) => {
      this.#shown += String(chunk)
      this.transcript += String(chunk)
    })
    this.#input = new WriteStream(linux.duplicate(master))
  }

  get status(): number | null {
    return this.#child.exitCode
  }

  type(text: string): void {
    this.#input.write(text)
  }

  resize(rows: number, columns: number): void {
    linux.setWindowSize(this.#master, { rows, columns })
  }

  /** Resolves when the pattern is shown, and forgets what was shown up to its end. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(30_000)
    for (;;) {
      const match = pattern.exec(this.#shown)
      if (match !== null) {
        this.#shown = this.#shown.slice(match.index + match[0].length)
        return match
      }
      await once(this.#output, "data", { signal }).catch(() => {
        throw new Error(`${pattern} was not shown, but ${JSON.stringify(this.#shown)}`)
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL")
    this.#output.destroy()
    this.#input.destroy()
  }
}
