import { closeSync } from "node:fs"
import { type Linux, LinuxError, POLL } from "@skerry/linux"
import type { Loop, Watch } from "@skerry/loop"
import { ProtocolError } from "@skerry/wire"
import type { FileErrorCode } from "../file-tree.ts"
import type { Session } from "./session.ts"

export type ClientEnd =
  | { readonly kind: "closed" } // by the client, or by us
  | { readonly kind: "protocol"; readonly error: ProtocolError }

export interface ClientConnectionOptions {
  readonly loop: Loop
  readonly linux: Pick<Linux, "readSome" | "writeSome" | "setBlocking">
  /** A stream socket or a virtio port; the connection owns it. */
  readonly fd: number
  readonly session: Session
  /** What all connections of the loop read into, one after the other; NINEP_LIMITS.inputBytes of it. */
  readonly input: Buffer
  /** Called once, when the descriptor and everything that the client held are closed. */
  readonly onEnd: (end: ClientEnd) => void
  /** What a mistake of this program, which a request of this client met, is thrown as; absent: as it is. */
  readonly asFault?: (mistake: unknown) => Error
}

/** Binds a session to a descriptor in the loop. */
export class ClientConnection {
  readonly #options: ClientConnectionOptions
  readonly #watch: Watch
  readonly #stopEnding: () => void
  /** The descriptor took no more; it polls as writable when it does. */
  #isBlocked = false
  /** Something has happened since the last turn ended. */
  #hasTurn = false
  /** Prevents the turn that was asked for. */
  #cancelNext = () => {}
  #isOpen = true

  constructor(options: ClientConnectionOptions) {
    const { loop, linux, fd } = options
    this.#options = options
    linux.setBlocking(fd, false)
    this.#watch = loop.watch(fd, () => this.#onReady())
    this.#watch.want(POLL.in)
    this.#stopEnding = loop.beforeWait(() => this.#endTurn())
  }

  /** What the client wrote is durable when this returns; otherwise, the code of what failed. */
  close(end: ClientEnd = { kind: "closed" }): FileErrorCode | undefined {
    if (!this.#isOpen) return undefined
    this.#isOpen = false
    this.#stopEnding()
    this.#cancelNext()
    this.#watch.close()
    closeSync(this.#options.fd)
    const failure = this.#options.session.close()
    this.#options.onEnd(end)
    return failure
  }

  #onReady(): void {
    this.#isBlocked = false
    this.#hasTurn = true
    const { session, linux, fd, input } = this.#options
    // It was woken for room to write; the answers that wait leave first.
    if (!session.wantsInput) return
    const rest = session.roomForRest()
    const count = this.#unlessLost(() => linux.readSome(fd, rest ?? input))
    if (count === 0) this.close()
    else if (count !== undefined) {
      this.#unlessBroken(() => {
        if (rest === undefined) session.receive(input.subarray(0, count))
        else session.received(count)
      })
    }
  }

  #endTurn(): void {
    if (!this.#hasTurn) return
    this.#hasTurn = false
    const { loop, session } = this.#options
    session.endTurn()
    this.#send()
    if (!this.#isOpen) return
    this.#want()
    if (this.#isBlocked || session.wantsInput) session.prepare()
    else this.#cancelNext = loop.after(0, () => this.#goOn())
  }

  /** With requests that wait, when all others had their turn. */
  #goOn(): void {
    this.#hasTurn = true
    this.#unlessBroken(() => this.#options.session.resume())
  }

  #send(): void {
    const { session, linux, fd } = this.#options
    while (!this.#isBlocked) {
      const pending = session.pending()
      if (pending.length === 0) return
      const taken = this.#unlessLost(() => linux.writeSome(fd, pending))
      if (!this.#isOpen) return
      if (taken === undefined) this.#isBlocked = true
      else session.taken(taken)
    }
  }

  #want(): void {
    const reading = this.#options.session.wantsInput ? POLL.in : 0
    this.#watch.want(reading | (this.#isBlocked ? POLL.out : 0))
  }

  /** A client that breaks the protocol ends its own connection. */
  #unlessBroken(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw this.#options.asFault?.(error) ?? error
      this.close({ kind: "protocol", error })
    }
  }

  /** So does one that is gone. */
  #unlessLost<T>(action: () => T): T | undefined {
    try {
      return action()
    } catch (error) {
      if (!(error instanceof LinuxError && LOST.has(error.code))) throw error
      this.close()
      return undefined
    }
  }
}

const LOST: ReadonlySet<string> = new Set(["EPIPE", "ECONNRESET", "ENODEV", "EIO"])
