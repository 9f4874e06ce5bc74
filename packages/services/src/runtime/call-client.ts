import { createConnection, type Socket } from "node:net"
import { Connection, call } from "@skerry/rpc"
import type { CallTo, ServiceCall } from "../program.ts"

const CONNECTING = {
  /** For room in the agent's queue, which it empties as other programs go. */
  waitMs: 30_000,
  firstPauseMs: 2,
  mostPauseMs: 100,
} as const

/** Makes calls through the domain's agent, all over one connection, which is opened at the first. */
export class CallClient {
  readonly #path: string
  readonly #parent: string
  #connection: Promise<Connection> | undefined

  /** `parent` is the SKERRY_CALL_ID of the service that this program is, or empty. */
  constructor(path: string, parent: string) {
    this.#path = path
    this.#parent = parent
  }

  async open({ target, service, argument = "", signal, onEvent, onPipes }: CallTo): Promise<ServiceCall> {
    this.#connection ??= connect(this.#path).then((socket) => new Connection(socket))
    const connection = await this.#connection
    const [progress, pipes] = [onEvent !== undefined || onPipes !== undefined, onPipes !== undefined]
    const params = { target, service, argument, deadlineMs: 0, parent: this.#parent, progress, pipes }
    const opened = connection.call(call, params, {
      ...(signal && { signal }),
      onEvent(event) {
        if (event.kind !== "pipes") {
          onEvent?.(event.kind)
          return
        }
        const path = (fd: number) => `/proc/${event.process}/fd/${fd}`
        const taken = () => void opened.send({ kind: "taken" })
        onPipes?.({ stdinPath: path(event.stdin), stdoutPath: path(event.stdout), taken })
      },
    })
    const exitCode = opened.result.then((result) => result.exitCode)
    // Whoever uses only the streams hears of a failure from them.
    exitCode.catch(() => {})
    const { stdin, stdout, stderr } = opened
    const cancel = () => opened.fail(new Error("The call was given up"))
    return { stdin, stdout, stderr, exitCode, cancel }
  }
}

async function connect(path: string): Promise<Socket> {
  const deadline = performance.now() + CONNECTING.waitMs
  for (
    let pauseMs: number = CONNECTING.firstPauseMs;
    ;
    pauseMs = Math.min(pauseMs * 2, CONNECTING.mostPauseMs)
  ) {
    try {
      return await connectOnce(path)
    } catch (error) {
      const isFull = error instanceof Error && "code" in error && error.code === "EAGAIN"
      if (!isFull || performance.now() > deadline) {
        const why = error instanceof Error ? error.message : String(error)
        throw new Error(`Cannot call a service: this domain's agent does not answer (${why})`, {
          cause: error,
        })
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

function connectOnce(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.off("error", reject)
      resolve(socket)
    })
  })
}
