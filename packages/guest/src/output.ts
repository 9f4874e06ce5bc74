import { closeSync } from "node:fs"
import { type Linux, LinuxError, POLL } from "@skerry/linux"
import type { Loop, Watch } from "@skerry/loop"
import type { SendStream } from "@skerry/rpc"
import { AGENT } from "./limits.ts"

export interface OutputOptions {
  /** The reading end of a pipe, or a terminal's master; owned. */
  readonly fd: number
  readonly sink: SendStream
  /** How long to wait for more, once the command has ended and nothing is waiting. */
  readonly settleMs: number
  readonly onDone: () => void
}

/**
 * Carries a command's output to its caller, at the caller's speed. Done at the source's end; or, once the command has
 * ended, when all that it wrote has been carried: a process that it left behind may hold the pipe open for ever.
 */
export class Output {
  readonly #loop: Loop
  readonly #linux: Linux
  readonly #options: OutputOptions
  readonly #watch: Watch
  /** Belongs to the sink while it is busy. */
  #buffer: Buffer | undefined
  #isBusy = false
  #hasExited = false
  #isDone = false

  constructor({ loop, linux }: { readonly loop: Loop; readonly linux: Linux }, options: OutputOptions) {
    this.#loop = loop
    this.#linux = linux
    this.#options = options
    this.#watch = loop.watch(options.fd, () => this.#carry())
    this.#watch.want(POLL.in)
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** The command has ended: what it wrote is all there. */
  commandExited(): void {
    this.#hasExited = true
    this.#finishIfEmpty()
  }

  /** Closes the descriptor; what was not carried is lost. */
  close(): void {
    this.#isDone = true
    this.#watch.close()
    closeSync(this.#options.fd)
  }

  #carry(): void {
    const { fd, sink } = this.#options
    this.#buffer ??= Buffer.allocUnsafeSlow(AGENT.outputBytes)
    const count = readOutput(this.#linux, fd, this.#buffer)
    if (count === undefined) return
    if (count === 0) {
      this.#finish()
      return
    }
    this.#isBusy = true
    this.#watch.want(0)
    sink.write(this.#buffer.subarray(0, count), () => {
      this.#isBusy = false
      if (this.#isDone) return
      this.#watch.want(POLL.in)
      this.#finishIfEmpty()
    })
  }

  #finishIfEmpty(): void {
    if (!this.#hasExited || !this.#isEmpty()) return
    const { settleMs } = this.#options
    if (settleMs === 0) this.#finish()
    else this.#loop.after(settleMs, () => this.#isEmpty() && this.#finish())
  }

  #isEmpty(): boolean {
    return !this.#isDone && !this.#isBusy && this.#linux.bytesWaiting(this.#options.fd) === 0
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#watch.want(0)
    this.#options.sink.end(() => {})
    this.#options.onDone()
  }
}

/** EIO: every process has closed the terminal. */
function readOutput(linux: Linux, fd: number, buffer: Buffer): number | undefined {
  try {
    return linux.readSome(fd, buffer)
  } catch (error) {
    if (error instanceof LinuxError && error.code === "EIO") return 0
    throw error
  }
}
