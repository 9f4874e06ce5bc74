import { type Duplex, duplexPair, PassThrough } from "node:stream"
import type { DomainId } from "@skerry/model"
import type { Domain, DomainExit, DomainProcesses } from "../../backend.ts"
import { readConsole } from "../../console-pieces.ts"

/** What the other end of a fake domain does, chosen before its start. */
export type FakePeer =
  /** Serves as the backend's `serveAgent` does. */
  | "agent"
  /** Takes everything and never answers, as a guest that hangs at boot. */
  | "silent"
  /** Answers with bytes that no protocol knows. */
  | "garbage"
  /** Sends bytes without end, on the channel and on the console, as fast as they are taken. */
  | "flood"
  /** Is gone before it has said anything. */
  | "ends-at-once"

/** A domain without a process: its guest is a function in this one, joined by a stream that pause() holds up. */
export class FakeDomain implements Domain {
  readonly id: DomainId
  readonly channel: Duplex
  readonly processes: DomainProcesses
  readonly exited: Promise<DomainExit>
  readonly #agentSide: Duplex
  readonly #hostJoint: Duplex
  readonly #agentJoint: Duplex
  readonly #console = new PassThrough()
  readonly #settle: (exit: DomainExit) => void
  #clock: "runs" | "stands" = "runs"

  constructor(id: DomainId, processes: DomainProcesses, onConsole: (untrustedText: string) => void) {
    this.id = id
    this.processes = processes
    const { promise, resolve } = Promise.withResolvers<DomainExit>()
    this.exited = promise
    this.#settle = resolve
    ;[this.channel, this.#hostJoint] = duplexPair()
    ;[this.#agentSide, this.#agentJoint] = duplexPair()
    readConsole(this.#console, onConsole)
    for (const stream of [this.channel, this.#hostJoint, this.#agentSide, this.#agentJoint]) {
      stream.on("error", () => this.end({ kind: "powered-off" }))
    }
    this.#join()
  }

  /** Starts the guest. An agent that ends its channel ends its domain. */
  run(peer: FakePeer, serveAgent: (channel: Duplex, domain: FakeDomain) => void): void {
    switch (peer) {
      case "agent":
        this.#agentSide.on("finish", () => this.end({ kind: "powered-off" }))
        serveAgent(this.#agentSide, this)
        return
      case "silent":
        this.#agentSide.resume()
        return
      case "garbage":
        this.#agentSide.resume()
        this.#agentSide.write(Buffer.alloc(4096, 0xee))
        return
      case "flood":
        this.#agentSide.resume()
        flood(this.#agentSide, Buffer.alloc(64 * 1024, 0x01))
        flood(this.#console, Buffer.alloc(64 * 1024, "flood\n"))
        return
      case "ends-at-once":
        this.end({ kind: "failed", message: "the fake domain was told to end at once" })
    }
  }

  /** What the guest prints. */
  print(text: string | Uint8Array): void {
    this.#console.write(text)
  }

  /** Ends the domain as if by itself or by someone else; the first end counts. */
  end(exit: DomainExit): void {
    this.#console.destroy()
    for (const stream of [this.channel, this.#hostJoint, this.#agentSide, this.#agentJoint]) stream.destroy()
    this.#settle(exit)
  }

  async pause(): Promise<void> {
    if (this.#clock === "stands") return
    this.#clock = "stands"
    this.#hostJoint.unpipe(this.#agentJoint)
    this.#agentJoint.unpipe(this.#hostJoint)
  }

  async resume(): Promise<void> {
    if (this.#clock === "runs") return
    this.#clock = "runs"
    this.#join()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end({ kind: "stopped" })
    await this.exited
  }

  #join(): void {
    this.#hostJoint.pipe(this.#agentJoint)
    this.#agentJoint.pipe(this.#hostJoint)
  }
}

function flood(stream: NodeJS.WritableStream & { readonly destroyed?: boolean }, bytes: Uint8Array): void {
  const more = () => {
    // One piece a turn, so that whoever reads gets to decide that it is enough.
    if (stream.destroyed !== true && stream.write(bytes)) setImmediate(more)
  }
  stream.on("drain", () => setImmediate(more))
  more()
}
