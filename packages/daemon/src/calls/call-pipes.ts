import { closeSync, fchmodSync } from "node:fs"
import type { Domain } from "@skerry/isolation"
import type { Linux } from "@skerry/linux"
import type { Carrying, Pump } from "../pump/pump.ts"

/** What joins domains that take host pipes. */
export interface PipeMaker {
  readonly linux: Pick<Linux, "pipe" | "growPipe">
  readonly pump: Pump
}

/** Room in each pipe: the more, the fewer turns a byte waits for. */
const PIPE_BYTES = 1024 * 1024
/** Calls with pipes at once; each takes two descriptors here, and the kernel's memory for four pipes. */
const MOST_PIPED = 16
const JOBS_OF_A_CALL = 2

/**
 * The pipes of one call between two domains: each domain has its own with the host, and the host's pump carries from
 * one to the other. So neither holds an end of the other's, and every byte is counted.
 */
export class CallPipes {
  /** Tells the agents which message of descriptors is this call's; never 0. */
  readonly label: number
  readonly #source: Domain
  readonly #forCaller: readonly [number, number]
  readonly #jobs: readonly [Carrying, Carrying]
  #state: "with-host" | "handed" | "cancelled" = "with-host"

  /** Undefined: one of the domains takes no pipes, or too many calls have some. Throws where they cannot be made. */
  static open(
    { linux, pump }: PipeMaker,
    label: number,
    source: Domain | undefined,
    target: Domain | undefined,
  ): CallPipes | undefined {
    if (source?.sendDescriptors === undefined || target?.sendDescriptors === undefined) return undefined
    if (pump.count >= MOST_PIPED * JOBS_OF_A_CALL) return undefined
    const pipes = [linux.pipe(), linux.pipe(), linux.pipe(), linux.pipe()] as const
    for (const { write } of pipes) linux.growPipe(write, PIPE_BYTES)
    const [callerOut, serviceIn, serviceOut, callerIn] = pipes
    // The calling program opens its ends by the agent's /proc, and is another account than the one that made them.
    for (const fd of [callerOut.write, callerIn.read]) fchmodSync(fd, 0o666)
    try {
      target.sendDescriptors([serviceIn.read, serviceOut.write], label)
    } catch (error) {
      for (const { read, write } of pipes) for (const fd of [read, write]) closeSync(fd)
      throw error
    }
    for (const fd of [serviceIn.read, serviceOut.write]) closeSync(fd)
    const up = pump.carry(callerOut.read, serviceIn.write)
    const down = pump.carry(serviceOut.read, callerIn.write)
    return new CallPipes(label, source, [callerOut.write, callerIn.read], [up, down])
  }

  private constructor(
    label: number,
    source: Domain,
    forCaller: readonly [number, number],
    jobs: readonly [Carrying, Carrying],
  ) {
    this.label = label
    this.#source = source
    this.#forCaller = forCaller
    this.#jobs = jobs
  }

  get isHanded(): boolean {
    return this.#state === "handed"
  }

  /** Gives the caller's domain its ends; false: it was done before, or it is too late. */
  hand(): boolean {
    if (this.#state !== "with-host") return false
    try {
      this.#source.sendDescriptors?.(this.#forCaller, this.label)
      this.#state = "handed"
      return true
    } finally {
      for (const fd of this.#forCaller) closeSync(fd)
      if (!this.isHanded) this.#giveUp()
    }
  }

  /** Ends both ways at once. More than once is harmless. */
  cancel(): void {
    if (this.#state === "with-host") for (const fd of this.#forCaller) closeSync(fd)
    if (this.#state !== "cancelled") this.#giveUp()
  }

  /** What was carried, once both ways have ended. */
  async carried(): Promise<{ readonly up: number; readonly down: number }> {
    const [up, down] = await Promise.all(this.#jobs.map(({ ended }) => ended))
    return { up: up ?? 0, down: down ?? 0 }
  }

  #giveUp(): void {
    this.#state = "cancelled"
    for (const job of this.#jobs) job.cancel()
  }
}
