import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import type { Socket } from "node:net"
import type { DomainId } from "@skerry/model"
import type { Domain, DomainExit, DomainProcesses } from "../../backend.ts"
import type { DomainCgroup } from "../../cgroup-domain.ts"
import { domainExit } from "./domain-exit.ts"
import { continueTree, signal, stopTree } from "./stop-tree.ts"

/** Characters of the last output that are kept to explain a failure. */
const LAST_WORDS_CHARACTERS = 500

export interface DomainParts {
  readonly id: DomainId
  readonly child: ChildProcess
  /** The first process inside, as seen from the host. */
  readonly pid: number
  readonly uid: number
  readonly channel: Socket
  readonly descriptors: Socket
  readonly cgroup: DomainCgroup
  /** Whether the cgroup can stop and continue its processes. */
  readonly hasFreezer: boolean
  readonly lastWords: () => string
  /** Passes host descriptors through a socket, as one message that is their label. */
  readonly sendDescriptors: (socketFd: number, descriptors: readonly number[], label: number) => void
  /** Resolves after the launcher has ended and the last process inside with it. Rejects if one will not end. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Gives back cgroup and account, and whatever else the start has taken. */
  readonly release: () => Promise<void>
}

export class BubblewrapDomain implements Domain {
  readonly id: DomainId
  readonly channel: Socket
  readonly processes: DomainProcesses
  readonly exited: Promise<DomainExit>
  readonly sendDescriptors: (descriptors: readonly number[], label: number) => void
  readonly #parts: DomainParts
  #clock: "runs" | "stands" = "runs"
  #wantsEnd: boolean
  /** pause() and resume() take effect in the order in which they were called. */
  #turn: Promise<void> = Promise.resolve()

  /** Takes ownership of all parts. */
  constructor(parts: DomainParts) {
    this.#parts = parts
    this.#wantsEnd = false
    this.id = parts.id
    this.channel = parts.channel
    this.processes = { pid: parts.pid, uid: parts.uid, cgroups: parts.cgroup.paths }
    this.sendDescriptors = (descriptors, label) =>
      parts.sendDescriptors(descriptorOf(parts.descriptors), descriptors, label)
    this.exited = this.#untilReleased()
  }

  pause(): Promise<void> {
    return this.#inTurn("stands", () =>
      this.#parts.hasFreezer ? this.#parts.cgroup.freeze(true) : stopTree(this.#parts.pid),
    )
  }

  resume(): Promise<void> {
    return this.#inTurn("runs", () =>
      this.#parts.hasFreezer ? this.#parts.cgroup.freeze(false) : continueTree(this.#parts.pid),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wantsEnd = true
    // The first process takes everything in its process namespace along; then the launcher ends by itself.
    signal(this.#parts.pid, "SIGKILL")
    await this.resume().catch(() => this.#parts.cgroup.kill())
    await this.exited
  }

  #inTurn(clock: "runs" | "stands", change: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(async () => {
      if (this.#clock === clock) return
      await change()
      this.#clock = clock
    })
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #untilReleased(): Promise<DomainExit> {
    try {
      const end = await this.#parts.ended
      const untrustedLastWords = this.#parts.lastWords().slice(-LAST_WORDS_CHARACTERS)
      await this.#parts.release()
      return domainExit({ ...end, isStopped: this.#wantsEnd, untrustedLastWords })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return { kind: "failed", message: `Could not clean up after "${this.id}": ${why}` }
    } finally {
      this.channel.destroy()
      this.#parts.descriptors.destroy()
    }
  }
}

/** Node has no public name for a socket's descriptor. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, "_handle")
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined
  if (typeof fd !== "number" || fd < 0) throw new Error("The domain's descriptor socket is closed")
  return fd
}

/** Resolves when nobody holds the other end of `socket` any more. */
export async function untilClosed(socket: Socket): Promise<void> {
  socket.resume()
  if (!socket.closed) await once(socket, "close")
}
