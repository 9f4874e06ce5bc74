import { closeSync, fstatSync } from "node:fs"
import type { Socket } from "node:net"
import { DaemonError } from "./errors.ts"
import { DAEMON_LIMITS } from "./limits.ts"

/** What arrived with one message: its bytes, and descriptors that are now ours to close. */
export interface ReceivedDescriptors {
  readonly untrustedBytes: Uint8Array
  readonly descriptors: readonly number[]
}

/** Reads one message from a socket that nothing else reads; undefined while there is none. */
export type ReceiveMessage = (socketDescriptor: number) => ReceivedDescriptors | undefined

/** Standard input, output and error of one command, as pipes; closed at the end of the scope that holds them. */
export interface HandedOver extends Disposable {
  readonly fds: readonly number[]
}

export interface Expected extends Disposable {
  readonly token: string
  /** Undefined: the client would rather use its call's streams. Fails with "bad-request" and the signal's reason. */
  receive(answer: Promise<"sent" | "refused">, signal: AbortSignal): Promise<HandedOver | undefined>
}

interface Waiting {
  readonly resolve: (descriptors: readonly number[]) => void
}

const STREAMS = 3

/**
 * Where clients hand pipes over: each connection to descriptors.sock brings one message, a token with three
 * descriptors. The client says over its call when it has sent it, so that a message is there whenever one is read.
 */
export class DescriptorDesk implements Disposable {
  readonly #receive: ReceiveMessage
  readonly #freshToken: () => string
  readonly #waiting = new Map<string, Waiting>()
  /** Connected, and not read from yet. */
  readonly #sockets = new Set<{ readonly socket: Socket; readonly fd: number }>()
  readonly #patienceMs: number

  constructor(options: { receive: ReceiveMessage; freshToken: () => string; patienceMs?: number }) {
    this.#receive = options.receive
    this.#freshToken = options.freshToken
    this.#patienceMs = options.patienceMs ?? DAEMON_LIMITS.descriptorsMs
  }

  /** Takes the socket over; it must be paused, so that Node reads nothing from it. */
  onConnection(socket: Socket, fd: number): void {
    const entry = { socket, fd }
    this.#sockets.add(entry)
    // A message that nobody fetches holds the client's pipes, and so whoever waits at their other ends.
    const patience = setTimeout(() => socket.destroy(), this.#patienceMs).unref()
    socket.on("close", () => {
      clearTimeout(patience)
      this.#sockets.delete(entry)
    })
    socket.on("error", () => {}) // a client that went away; "close" follows
    this.#readAll()
  }

  expect(): Expected {
    const token = this.#freshToken()
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>()
    let isTaken = false
    this.#waiting.set(token, { resolve })
    return {
      token,
      receive: async (answer, signal) => {
        const abort = () => reject(signal.reason)
        signal.addEventListener("abort", abort, { once: true })
        try {
          signal.throwIfAborted()
          const said = await Promise.race([answer, promise.then(() => "sent" as const)])
          if (said === "refused") return undefined
          this.#readAll()
          const fds = await promise
          isTaken = true
          checkPipes(fds)
          return { fds, [Symbol.dispose]: () => closeAll(fds) }
        } finally {
          signal.removeEventListener("abort", abort)
        }
      },
      [Symbol.dispose]: () => {
        this.#waiting.delete(token)
        // Arrived for nobody: they are still ours to close.
        if (!isTaken) promise.then(closeAll, () => {})
      },
    }
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.#sockets) socket.destroy()
  }

  #readAll(): void {
    if (this.#waiting.size === 0) return
    for (const entry of [...this.#sockets]) {
      const received = this.#receive(entry.fd)
      if (received === undefined) continue
      this.#sockets.delete(entry)
      entry.socket.destroy()
      const token = Buffer.from(received.untrustedBytes).toString("latin1")
      const waiting = this.#waiting.get(token)
      this.#waiting.delete(token)
      if (waiting === undefined) closeAll(received.descriptors)
      else waiting.resolve(received.descriptors)
    }
  }
}

/**
 * Only pipes are passed on: through /proc/self/fd a domain could reopen a file with more rights than it was handed,
 * and a terminal accepts input that reads as typed. Closes them all where one is something else.
 */
function checkPipes(fds: readonly number[]): void {
  if (fds.length === STREAMS && fds.every((fd) => fstatSync(fd).isFIFO())) return
  closeAll(fds)
  throw new DaemonError(
    "bad-request",
    `The client handed over ${fds.length} descriptors that are not three pipes`,
  )
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd)
}
