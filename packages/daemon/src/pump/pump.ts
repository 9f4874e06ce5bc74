import { closeSync, writeSync } from "node:fs"
import { Socket } from "node:net"
import { Worker } from "node:worker_threads"
import type { Linux } from "@skerry/linux"
import { programBeside } from "../program-beside.ts"
import { decodeEnd, END_BYTES, encodeOrder } from "./records.ts"

/** One pipe's bytes on their way to another. */
export interface Carrying {
  /** Resolves to the bytes that were carried, once both pipes are closed here. */
  readonly ended: Promise<number>
  /** Closes both at once. More than once is harmless. */
  cancel(): void
}

interface Running {
  readonly from: number
  readonly to: number
  readonly end: (bytes: number) => void
}

interface Thread {
  readonly worker: Worker
  readonly orders: number
  readonly ends: Socket
}

/** Carries bytes between pipes in a thread of its own, which is started when there is something to carry. */
export class Pump implements AsyncDisposable {
  readonly #linux: Pick<Linux, "pipe">
  readonly #running = new Map<number, Running>()
  #thread: Thread | undefined
  #lastId = 0

  constructor(linux: Pick<Linux, "pipe">) {
    this.#linux = linux
  }

  get count(): number {
    return this.#running.size
  }

  /** Takes both descriptors over: the reading end of one pipe, the writing end of another. */
  carry(from: number, to: number): Carrying {
    this.#thread ??= this.#start()
    const { orders } = this.#thread
    this.#lastId = (this.#lastId % 0xffff_ffff) + 1
    const id = this.#lastId
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#running.set(id, { from, to, end: resolve })
    writeSync(orders, encodeOrder({ kind: "carry", id, from, to }))
    return {
      ended: promise,
      cancel: () => {
        if (this.#running.has(id)) writeSync(orders, encodeOrder({ kind: "cancel", id }))
      },
    }
  }

  #start(): Thread {
    const [orders, ends] = [this.#linux.pipe(), this.#linux.pipe()]
    const worker = new Worker(programBeside(import.meta.url, "pump-thread"), {
      workerData: { orders: orders.read, ends: ends.write },
      trackUnmanagedFds: false, // it closes what the daemon opened
    })
    const socket = new Socket({ fd: ends.read, readable: true, writable: false })
    let held: Buffer = Buffer.alloc(0)
    socket.on("data", (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      for (; held.length >= END_BYTES; held = held.subarray(END_BYTES)) {
        const { id, bytes } = decodeEnd(held)
        this.#running.get(id)?.end(bytes)
        this.#running.delete(id)
      }
    })
    const thread: Thread = { worker, orders: orders.write, ends: socket }
    worker.on("error", () => this.#giveUp(thread))
    worker.on("exit", () => {
      for (const fd of [orders.read, ends.write]) closeSync(fd)
    })
    socket.unref()
    worker.unref()
    return thread
  }

  /** The thread broke: what it carried ends, and the next pair of pipes gets a new one. */
  #giveUp(thread: Thread): void {
    this.#thread = undefined
    closeSync(thread.orders)
    thread.ends.destroy()
    for (const { from, to, end } of this.#running.values()) {
      for (const fd of [from, to]) closeSync(fd)
      end(0)
    }
    this.#running.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const thread = this.#thread
    if (thread === undefined) return
    this.#thread = undefined
    thread.worker.ref()
    const exited = new Promise((resolve) => thread.worker.once("exit", resolve))
    // The end of its orders ends the thread.
    closeSync(thread.orders)
    await exited
    thread.ends.destroy()
  }
}
