import { closeSync } from "node:fs"
import { type Connecting, type Linux, LinuxError, POLL } from "@skerry/linux"
import type { Loop, Watch } from "@skerry/loop"
import { CallFailure, type CallState, STREAM } from "@skerry/rpc"
import { AGENT } from "../limits.ts"

export interface SocketServiceOptions {
  /** Begins to connect; asked again while the server's queue is full. May throw LinuxError. */
  readonly connect: () => Connecting
  /** For messages. */
  readonly name: string
  readonly call: CallState
  /** What the server reads first. */
  readonly preface: Uint8Array
  readonly exitOnClientEof: boolean
  readonly exitOnServiceEof: boolean
  /** Read into at once, by all that share it; nothing stays in it. */
  readonly scratch: Buffer
  /** The service has ended; undefined: well. Called at most once, and not after close(). */
  readonly onEnd: (failure: CallFailure | undefined) => void
}

/**
 * Joins a call to a server's socket.
 *   connecting ── connected ──▶ open ── both have written all, or the server has gone ──▶ over
 *   connecting ── refused, or too long ──▶ over (failed)
 *   any ── close() ──▶ over
 */
export class SocketService {
  readonly #loop: Loop
  readonly #linux: Linux
  readonly #options: SocketServiceOptions
  #fd: number | undefined
  #watch: Watch | undefined
  #isConnected = false
  #isOver = false
  /** What the server has not taken yet. */
  #pending: Uint8Array | undefined
  #callerEnded = false
  #serverEnded = false
  /** The caller's side has not taken the last piece of output yet. */
  #isBusy = false
  #stopTimer = () => {}

  constructor(
    { loop, linux }: { readonly loop: Loop; readonly linux: Linux },
    options: SocketServiceOptions,
  ) {
    this.#loop = loop
    this.#linux = linux
    this.#options = options
    this.#connect(loop.now() + AGENT.connectMs, AGENT.reconnectMs.first)
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stopTimer()
    this.#watch?.close()
    if (this.#fd !== undefined) closeSync(this.#fd)
  }

  #connect(deadline: number, pauseMs: number): void {
    let connecting: Connecting
    try {
      connecting = this.#options.connect()
    } catch (error) {
      this.#fail(error)
      return
    }
    if (connecting.kind !== "full") {
      this.#open(connecting, deadline)
    } else if (this.#loop.now() + pauseMs > deadline) {
      this.#fail(new Error("its queue is full"))
    } else {
      const again = Math.min(pauseMs * 2, AGENT.reconnectMs.most)
      this.#stopTimer = this.#loop.after(pauseMs, () => this.#connect(deadline, again))
    }
  }

  #open({ kind, fd }: Exclude<Connecting, { kind: "full" }>, deadline: number): void {
    this.#fd = fd
    this.#watch = this.#loop.watch(fd, () => this.#onReady())
    if (kind === "connected") {
      this.#join()
      return
    }
    this.#watch.want(POLL.out)
    const leftMs = Math.max(0, deadline - this.#loop.now())
    this.#stopTimer = this.#loop.after(leftMs, () => this.#fail(new Error("it does not answer")))
  }

  #join(): void {
    const { call, preface } = this.#options
    this.#isConnected = true
    this.#stopTimer()
    const source = call.received(STREAM.stdin)
    source.attach((bytes) => this.#takeInput(bytes))
    if (preface.length > 0) this.#pending = this.#write(preface)
    if (this.#isOver) return
    if (this.#pending === undefined) source.pull()
    this.#want()
  }

  #onReady(): void {
    if (!this.#isConnected) {
      const error = this.#fd === undefined ? undefined : this.#linux.socketError(this.#fd)
      if (error !== undefined) this.#fail(error)
      else this.#join()
      return
    }
    if (this.#pending !== undefined) this.#continueInput()
    if (!this.#isOver && !this.#isBusy && !this.#serverEnded) this.#carryOutput()
    if (!this.#isOver && this.#serverEnded && this.#isGone()) this.#finish()
    if (!this.#isOver) this.#want()
  }

  /** The bytes are valid during this call only. False: no more until pull(). */
  #takeInput(bytes: Uint8Array | null): boolean {
    if (this.#isOver) return false
    if (bytes === null) {
      this.#callerEnded = true
      this.#endInput()
      return false
    }
    const rest = this.#write(bytes)
    if (rest === undefined) return !this.#isOver
    this.#pending = Uint8Array.from(rest)
    this.#want()
    return false
  }

  #continueInput(): void {
    if (this.#pending !== undefined) this.#pending = this.#write(this.#pending)
    if (this.#pending !== undefined || this.#isOver) return
    if (this.#callerEnded) this.#endInput()
    else this.#options.call.received(STREAM.stdin).pull()
  }

  #endInput(): void {
    if (this.#pending !== undefined || this.#fd === undefined || this.#isOver) return
    if (this.#serverEnded || this.#options.exitOnClientEof) this.#finish()
    else this.#linux.shutdownWriting(this.#fd)
  }

  /** What was not taken. A server that has closed takes nothing more, but may have left its answer. */
  #write(bytes: Uint8Array): Uint8Array | undefined {
    let rest = bytes
    try {
      while (rest.length > 0) {
        const taken = this.#linux.writeSome(this.#fd ?? -1, rest)
        if (taken === undefined) return rest
        rest = rest.subarray(taken)
      }
    } catch (error) {
      if (!isLost(error)) throw error
      this.#callerEnded = true
      this.#options.call.received(STREAM.stdin).discard()
      if (this.#serverEnded) this.#finish()
    }
    return undefined
  }

  #carryOutput(): void {
    const { scratch, call } = this.#options
    const count = this.#read(scratch)
    if (count === undefined) return
    if (count === 0) {
      this.#serverEnded = true
      if (this.#callerEnded || this.#options.exitOnServiceEof) this.#finish()
      else call.sent(STREAM.stdout).end(() => {})
      return
    }
    this.#isBusy = true
    call.sent(STREAM.stdout).write(Buffer.from(scratch.subarray(0, count)), () => {
      this.#isBusy = false
      if (!this.#isOver) this.#want()
    })
  }

  #read(target: Buffer): number | undefined {
    try {
      return this.#linux.readSome(this.#fd ?? -1, target)
    } catch (error) {
      if (isLost(error)) return 0
      throw error
    }
  }

  /** Not only its writing side is closed. */
  #isGone(): boolean {
    return this.#linux.isHungUp(this.#fd ?? -1)
  }

  #want(): void {
    const input = this.#pending === undefined ? 0 : POLL.out
    // At the server's end, errors alone: they tell that it has gone altogether.
    const output = this.#serverEnded ? POLL.error : this.#isBusy ? 0 : POLL.in
    this.#watch?.want(input | output)
  }

  #finish(): void {
    this.close()
    this.#options.onEnd(undefined)
  }

  #fail(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    this.close()
    this.#options.onEnd(
      new CallFailure(
        "no-answer",
        `Cannot reach the server of ${JSON.stringify(this.#options.name)}: ${why}`,
      ),
    )
  }
}

const isLost = (error: unknown) =>
  error instanceof LinuxError && (error.code === "EPIPE" || error.code === "ECONNRESET")
