import type { Socket } from "node:net"
import { constants } from "node:os"
import type { DomainId } from "@skerry/model"
import type { Domain, DomainExit, DomainProcesses } from "../../backend.ts"
import { wasKilledBelow } from "../../own-processes.ts"
import { Ports } from "./ports.ts"
import type { QemuEnd, QemuProcess } from "./qemu-process.ts"

export interface QemuDomainParts {
  readonly id: DomainId
  readonly process: QemuProcess
  readonly processes: DomainProcesses
  /** What the guest's kernel said when it gave up, if it did. */
  readonly untrustedPanic: () => string | undefined
  /** How many of its processes the kernel has killed for want of memory; looked at before the release. */
  readonly oomKills: () => Promise<number>
  readonly memoryLimitBytes: number
  /** Releases account, cgroup and descriptors, after the last process is gone. */
  readonly release: () => Promise<void>
}

export class QemuDomain implements Domain {
  readonly id: DomainId
  readonly channel: Socket
  readonly processes: DomainProcesses
  readonly exited: Promise<DomainExit>
  readonly #process: QemuProcess
  readonly #ports: Ports
  #isStopped = false
  #isPaused = false

  /** Takes ownership of all parts. */
  constructor(parts: QemuDomainParts) {
    this.id = parts.id
    this.#process = parts.process
    this.#ports = new Ports(parts.process)
    this.channel = parts.process.control
    this.processes = parts.processes
    this.exited = this.#whenExited(parts)
  }

  async pause(): Promise<void> {
    if (this.#isPaused) return
    await this.#process.monitor.execute("stop")
    this.#isPaused = true
  }

  async resume(): Promise<void> {
    if (!this.#isPaused) return
    await this.#process.monitor.execute("cont")
    this.#isPaused = false
  }

  async addPort(name: string, fd: number): Promise<void> {
    await this.#ports.add(name, fd)
  }

  async removePort(name: string): Promise<void> {
    await this.#ports.remove(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    this.#process.kill()
    await this.exited
  }

  async #whenExited(parts: QemuDomainParts): Promise<DomainExit> {
    const end = await this.#process.ended
    // Asked before releasing: a dispose() that comes during the release did not end the domain.
    const exit = qemuExit(end, this.#isStopped, parts.untrustedPanic())
    this.channel.destroy()
    try {
      const isOutOfMemory = exit.kind !== "stopped" && (await parts.oomKills()) > 0
      await parts.release()
      if (!isOutOfMemory) return exit
      const limitMiB = parts.memoryLimitBytes / (1024 * 1024)
      return {
        kind: "failed",
        message: `QEMU needed more memory than the domain's limit of ${limitMiB} MiB and was killed`,
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return { kind: "failed", message: `Could not clean up after "${this.id}": ${why}` }
    }
  }
}

/** bwrap ends with QEMU's status, or 128 and the number of the signal that ended it. */
export function qemuExit(end: QemuEnd, isStopped: boolean, untrustedPanic: string | undefined): DomainExit {
  if (isStopped) return { kind: "stopped" }
  if (untrustedPanic !== undefined)
    return { kind: "failed", message: `the guest's kernel gave up: ${untrustedPanic}` }
  if (end.signal !== null) return { kind: "killed", signal: end.signal }
  if (wasKilledBelow(end.code, end.untrustedLastWords)) return { kind: "killed", signal: "SIGKILL" }
  if (end.code === 0) return { kind: "powered-off" }
  const inner = Object.entries(constants.signals).find(([, number]) => number === (end.code ?? 0) - 128)
  if (inner !== undefined) return { kind: "killed", signal: inner[0] }
  const words = end.untrustedLastWords.trim()
  return { kind: "failed", message: `QEMU ended with status ${end.code}${words && `: ${words}`}` }
}
