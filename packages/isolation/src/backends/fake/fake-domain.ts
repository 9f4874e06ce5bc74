import { closeSync } from "node:fs"
import { type Duplex, duplexPair, PassThrough } from "node:stream"
import type { DomainId } from "@skerry/model"
import { type Domain, type DomainExit, type DomainProcesses, IsolationError } from "../../backend.ts"
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
  /** Sockets of ports, by their names: the guest's side is a function in this process, which reads them where it wants to. */
  readonly ports = new Map<string, number>()
  /** Every change of ports in order, such as "add tree.1". */
  readonly portChanges: string[] = []
  #clock: "runs" | "stands" = "runs"
  #hasEnded = false

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

  async addPort(name: string, fd: number): Promise<void> {
    await Promise.resolve()
    const problem = this.#hasEnded
      ? `Domain "${this.id}" has ended`
      : this.ports.has(name)
        ? `Domain "${this.id}" has a port "${name}" already`
        : undefined
    if (problem !== undefined) {
      closeSync(fd)
      throw new IsolationError("spawn-failed", problem)
    }
    this.ports.set(name, fd)
    this.portChanges.push(`add ${name}`)
  }

  async removePort(name: string): Promise<void> {
    await Promise.resolve()
    const fd = this.ports.get(name)
    if (fd === undefined) return
    this.ports.delete(name)
    this.portChanges.push(`remove ${name}`)
    closeSync(fd)
  }

  /** What the guest prints. */
  print(text: string | Uint8Array): void {
    this.#console.write(text)
  }

  /** Ends the domain as if by itself or by someone else; the first end counts. */
  end(exit: DomainExit): void {
    this.#console.destroy()
    for (const stream of [this.channel, this.#hostJoint, this.#agentSide, this.#agentJoint]) stream.destroy()
    if (!this.#hasEnded) for (const fd of this.ports.values()) closeSync(fd)
    this.#hasEnded = true
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
