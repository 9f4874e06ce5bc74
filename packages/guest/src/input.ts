import { closeSync } from "node:fs"
import { type Linux, LinuxError, POLL } from "@skerry/linux"
import type { Loop, Watch } from "@skerry/loop"
import type { ReceiveStream } from "@skerry/rpc"

export interface InputOptions {
  /** The writing end of a pipe, or a terminal's master, that never blocks; owned. */
  readonly fd: number
  readonly source: ReceiveStream
  /** What to write at the input's end: a terminal has no other; undefined: the descriptor is closed. */
  readonly end: Uint8Array | undefined
}

/** Carries the caller's input to a command, which may close it early: what comes after that is dropped. */
export class Input {
  readonly #linux: Linux
  readonly #options: InputOptions
  readonly #watch: Watch
  #pending: Uint8Array | undefined
  #hasEnded = false
  #isOpen = true

  constructor({ loop, linux }: { readonly loop: Loop; readonly linux: Linux }, options: InputOptions) {
    this.#linux = linux
    this.#options = options
    this.#watch = loop.watch(options.fd, () => this.#continue())
    options.source.attach((bytes) => this.#take(bytes))
    options.source.pull()
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#pending = undefined
    this.#watch.close()
    closeSync(this.#options.fd)
    this.#options.source.discard()
  }

  /** The bytes are valid during this call only. False: no more until pull(). */
  #take(bytes: Uint8Array | null): boolean {
    if (bytes === null) {
      this.#hasEnded = true
      this.#endIfDone()
      return false
    }
    const rest = this.#write(bytes)
    if (!this.#isOpen || rest === undefined) return this.#isOpen
    this.#pending = Uint8Array.from(rest)
    this.#watch.want(POLL.out)
    return false
  }

  #continue(): void {
    if (this.#pending !== undefined) {
      this.#pending = this.#write(this.#pending)
      if (this.#pending !== undefined || !this.#isOpen) return
    }
    this.#watch.want(0)
    if (this.#hasEnded) this.#endIfDone()
    else this.#options.source.pull()
  }

  #endIfDone(): void {
    if (this.#pending !== undefined || !this.#isOpen) return
    const { end } = this.#options
    if (end === undefined) this.close()
    else this.#write(end)
  }

  /** What was not taken; undefined: nothing is left, or there is nobody any more to take it. */
  #write(bytes: Uint8Array): Uint8Array | undefined {
    const { fd } = this.#options
    let rest = bytes
    try {
      while (rest.length > 0) {
        const taken = this.#linux.writeSome(fd, rest)
        if (taken === undefined) return rest
        rest = rest.subarray(taken)
      }
    } catch (error) {
      if (!(error instanceof LinuxError && (error.code === "EPIPE" || error.code === "EIO"))) throw error
      this.close()
    }
    return undefined
  }
}
