import { closeSync } from "node:fs"
import { type Linux, LinuxError, POLL, POLLFD_BYTES } from "@skerry/linux"

/** Bytes moved for one job before the next has its turn. */
const TURN_BYTES = 4 * 1024 * 1024
const MOST_BYTES = 1024 * 1024

/** Carries one pipe's bytes to another pipe, for as long as both are open. Owns both descriptors. */
interface Job {
  readonly id: number
  readonly from: number
  readonly to: number
  /** What it waits for. */
  waitsFor: "source" | "target"
  bytes: number
}

export type JobEnd = { readonly id: number; readonly bytes: number }

type PumpCalls = Pick<Linux, "splice" | "poll" | "bytesWaiting">

/** Every pair of pipes that one thread carries, without copying a byte. */
export class Jobs {
  readonly #linux: PumpCalls
  readonly #onEnd: (end: JobEnd) => void
  readonly #jobs = new Map<number, Job>()

  constructor(linux: PumpCalls, onEnd: (end: JobEnd) => void) {
    this.#linux = linux
    this.#onEnd = onEnd
  }

  add(id: number, from: number, to: number): void {
    this.#jobs.set(id, { id, from, to, waitsFor: "source", bytes: 0 })
  }

  cancel(id: number): void {
    const job = this.#jobs.get(id)
    if (job !== undefined) this.#end(job)
  }

  /** Waits until something can be moved or `wakeFd` can be read, and moves it; true: `wakeFd` can be read. */
  turn(wakeFd: number): boolean {
    const jobs = [...this.#jobs.values()]
    const pollfds = Buffer.alloc((1 + jobs.length * 2) * POLLFD_BYTES)
    const put = (index: number, fd: number, events: number) => {
      pollfds.writeInt32LE(fd, index * POLLFD_BYTES)
      pollfds.writeInt16LE(events, index * POLLFD_BYTES + 4)
    }
    put(0, wakeFd, POLL.in)
    for (const [index, { from, to, waitsFor }] of jobs.entries()) {
      // A source is not looked at while its target is full: that it can be read would be told again and again.
      put(1 + index * 2, waitsFor === "source" ? from : -1, POLL.in)
      // Asked or not, poll tells when nobody reads a pipe any more.
      put(2 + index * 2, to, waitsFor === "target" ? POLL.out : 0)
    }
    this.#linux.poll(pollfds, 1 + jobs.length * 2, -1)
    const happened = (index: number) => pollfds.readInt16LE(index * POLLFD_BYTES + 6)
    for (const [index, job] of jobs.entries()) {
      const [source, target] = [happened(1 + index * 2), happened(2 + index * 2)]
      if ((target & POLL.error) !== 0) this.#end(job)
      else if (source !== 0 || target !== 0) this.#move(job)
    }
    return happened(0) !== 0
  }

  #move(job: Job): void {
    const { from, to } = job
    try {
      for (let moved = 0; moved < TURN_BYTES; ) {
        const count = this.#linux.splice(from, to, MOST_BYTES)
        if (count === 0) {
          this.#end(job)
          return
        }
        if (count === undefined) {
          job.waitsFor = this.#linux.bytesWaiting(from) > 0 ? "target" : "source"
          return
        }
        moved += count
        job.bytes += count
      }
    } catch (error) {
      // Nobody reads any more, or the system lets us no longer: both sides hear of it when their pipes close.
      if (!(error instanceof LinuxError)) throw error
      this.#end(job)
    }
  }

  #end({ id, from, to, bytes }: Job): void {
    this.#jobs.delete(id)
    closeSync(from)
    closeSync(to)
    this.#onEnd({ id, bytes })
  }
}
