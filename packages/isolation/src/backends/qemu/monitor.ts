import type { Socket } from "node:net"
import { IsolationError } from "../../backend.ts"

/** QEMU is hostile once its guest runs: what it says on its monitor is bounded. */
export const MONITOR_LIMITS = {
  /** Bytes of one line; the longest honest one is a greeting of some 200. */
  lineBytes: 64 * 1024,
  /** A command that is not answered means that QEMU hangs. */
  replyMs: 30_000,
} as const

interface Waiting {
  readonly command: string
  readonly resolve: (untrustedReply: unknown) => void
  readonly reject: (error: IsolationError) => void
}

/** A client of the QEMU Machine Protocol: one JSON object per line, replies in the order of the commands. */
export class Monitor {
  /** Settles when QEMU has answered for the first time. */
  readonly ready: Promise<unknown>
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  /** By the device that shall be deleted. */
  readonly #deletions = new Map<string, Waiting>()
  readonly #onBroken: (why: string) => void
  #untrustedLine = ""
  #broken: string | undefined

  /** Takes over the socket. `onBroken` is called once if QEMU breaks the protocol. */
  constructor(socket: Socket, onBroken: (why: string) => void) {
    this.#socket = socket
    this.#onBroken = onBroken
    socket.setEncoding("latin1")
    socket.on("data", (untrustedText: string) => this.#receive(untrustedText))
    socket.on("error", () => {})
    socket.on("close", () => this.#fail("QEMU closed its monitor"))
    this.ready = this.execute("qmp_capabilities")
    this.ready.catch(() => {}) // Whoever waits for it is told; nobody has to.
  }

  /** Resolves with the reply's "return". Fails with "spawn-failed" where QEMU refuses or is gone. */
  async execute(command: string, args?: object): Promise<unknown> {
    return await this.expect(command, () => this.#write(command, args))
  }

  /** For a command that `send` writes to the socket by other means (with descriptors). */
  async expect(command: string, send: () => void): Promise<unknown> {
    if (this.#broken !== undefined) throw new IsolationError("spawn-failed", this.#broken)
    send()
    return await this.#within(command, (waiting) => this.#waiting.push(waiting))
  }

  /** Deletes a device of ours, and resolves when nothing of it uses its back end any more. */
  async deleteDevice(id: string): Promise<void> {
    const command = "device_del"
    const deleted = this.#within(command, (waiting) => this.#deletions.set(id, waiting))
    deleted.catch(() => {}) // whoever waits below is told
    try {
      await this.execute(command, { id })
      await deleted
    } finally {
      this.#deletions.get(id)?.resolve(undefined) // nobody waits any more, nor shall the deadline
      this.#deletions.delete(id)
    }
  }

  async #within(command: string, register: (waiting: Waiting) => void): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    register({ command, resolve, reject })
    const deadline = setTimeout(() => {
      this.#break(`QEMU did not answer "${command}" within ${MONITOR_LIMITS.replyMs} ms`)
    }, MONITOR_LIMITS.replyMs)
    try {
      return await promise
    } finally {
      clearTimeout(deadline)
    }
  }

  #write(command: string, args?: object): void {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
  }

  #receive(untrustedText: string): void {
    if (this.#broken !== undefined) return
    const lines = (this.#untrustedLine + untrustedText).split("\n")
    this.#untrustedLine = lines.pop() ?? ""
    for (const untrustedLine of lines) this.#receiveLine(untrustedLine)
    if (this.#untrustedLine.length > MONITOR_LIMITS.lineBytes) {
      this.#break(`QEMU sent a monitor line of more than ${MONITOR_LIMITS.lineBytes} bytes`)
    }
  }

  #receiveLine(untrustedLine: string): void {
    const reply = parseReply(untrustedLine)
    if (reply === undefined) {
      this.#break("QEMU sent something that is no monitor message")
      return
    }
    if (reply.kind === "other") return
    if (reply.kind === "deleted") {
      this.#deletions.get(reply.device)?.resolve(undefined)
      return
    }
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#break("QEMU answered a command that was not given")
    else if (reply.kind === "return") waiting.resolve(reply.value)
    else waiting.reject(refused(waiting.command, reply.description))
  }

  #break(why: string): void {
    if (this.#broken !== undefined) return
    this.#fail(why)
    this.#socket.destroy()
    this.#onBroken(why)
  }

  #fail(why: string): void {
    this.#broken ??= why
    const waiting = [...this.#waiting.splice(0), ...this.#deletions.values()]
    for (const { reject } of waiting) reject(new IsolationError("spawn-failed", why))
  }
}

const refused = (command: string, description: string) =>
  new IsolationError("spawn-failed", `QEMU refused "${command}": ${description}`)

export type Reply =
  | { readonly kind: "return"; readonly value: unknown }
  | { readonly kind: "error"; readonly description: string }
  /** Nothing of a device is left. */
  | { readonly kind: "deleted"; readonly device: string }
  /** A greeting or another event: nobody waits for it. */
  | { readonly kind: "other" }

/** undefined: not a message of the protocol (qmp-spec, section 2). */
export function parseReply(untrustedLine: string): Reply | undefined {
  if (untrustedLine.length > MONITOR_LIMITS.lineBytes) return undefined
  let untrusted: unknown
  try {
    untrusted = JSON.parse(untrustedLine)
  } catch {
    return undefined // Not JSON: the caller breaks the connection.
  }
  if (typeof untrusted !== "object" || untrusted === null) return undefined
  if ("return" in untrusted) return { kind: "return", value: untrusted.return }
  if ("error" in untrusted) {
    const { error } = untrusted
    const untrustedText =
      typeof error === "object" && error !== null && "desc" in error ? String(error.desc) : "?"
    return { kind: "error", description: JSON.stringify(untrustedText.slice(0, 300)) }
  }
  const untrustedDevice = "event" in untrusted ? deletedDevice(untrusted) : undefined
  if (untrustedDevice !== undefined) return { kind: "deleted", device: untrustedDevice }
  return "QMP" in untrusted || "event" in untrusted ? { kind: "other" } : undefined
}

/** Devices without an id of ours are deleted, too. */
function deletedDevice(untrusted: { readonly event?: unknown; readonly data?: unknown }): string | undefined {
  if (untrusted.event !== "DEVICE_DELETED") return undefined
  const { data } = untrusted
  if (typeof data !== "object" || data === null || !("device" in data)) return undefined
  return typeof data.device === "string" ? data.device : undefined
}
