import type { Duplex } from "node:stream"
import { FrameReader, ProtocolError } from "@skerry/wire"
import type { CallState } from "./call-state.ts"
import { RpcError } from "./errors.ts"
import { type Handlers, IncomingCall } from "./incoming-call.ts"
import { RPC_LIMITS } from "./limits.ts"
import type { Method } from "./method.ts"
import { Multiplexer } from "./multiplexer.ts"
import { type CallOptions, encodeCall, OutgoingCall } from "./outgoing-call.ts"

export type CloseReason =
  | { readonly kind: "closed" } // by close() at this end
  | { readonly kind: "ended" } // the peer ended it, between two frames
  | { readonly kind: "protocol-error"; readonly error: ProtocolError } // the peer broke the protocol
  | { readonly kind: "failed"; readonly error: Error } // the transport failed

export interface ConnectionOptions {
  /** What the peer may call. Without it this end serves nothing, and a call of the peer breaks the protocol. */
  readonly serve?: Handlers
}

/** Frames whose payload is no larger leave together, in one piece: each piece of its own costs more than its copy. */
const GATHERED_BYTES = 4096

/** Calls in both directions over one byte stream. Owns the duplex: it is destroyed when the connection ends. */
export class Connection {
  readonly #duplex: Duplex
  readonly #frames = new FrameReader()
  readonly #multiplexer: Multiplexer
  readonly #outgoing = new Set<OutgoingCall<never, never, never>>()
  readonly #incoming = new Set<IncomingCall>()
  readonly #close: (reason: CloseReason) => void
  #isOpen: boolean = true
  #pumpScheduled: boolean = false
  /** Settles exactly once, never rejects; all calls have been ended by then. */
  readonly closed: Promise<CloseReason>

  constructor(duplex: Duplex, options: ConnectionOptions = {}) {
    const { promise, resolve } = Promise.withResolvers<CloseReason>()
    this.closed = promise
    this.#close = resolve
    this.#duplex = duplex
    this.#multiplexer = new Multiplexer({
      onCall: options.serve && this.#serving(options.serve),
      onReady: () => this.#schedulePump(),
    })
    duplex.on("data", (untrustedChunk: Uint8Array) => this.#receive(untrustedChunk))
    duplex.on("drain", () => this.#pump())
    duplex.on("end", () => this.#onEnd())
    duplex.on("error", (error: Error) => this.#end({ kind: "failed", error }))
    duplex.on("close", () => this.#onEnd())
  }

  /** Throws RangeError for params over their limits; every other failure is the result's. */
  call<P, R, U, D>(
    method: Method<P, R, U, D>,
    params: P,
    options: CallOptions<D> = {},
  ): OutgoingCall<R, U, D> {
    const payload = encodeCall(method, params)
    const state = this.#multiplexer.call()
    const call = new OutgoingCall<R, U, D>(state, method, options)
    state.open(payload)
    if (!this.#isOpen) {
      call.fail(new RpcError("connection-closed", `Cannot call ${method.name}: the connection has ended`))
      return call
    }
    if (options.signal?.aborted) {
      call.fail(options.signal.reason as Error)
      return call
    }
    this.#outgoing.add(call as never)
    call.result.catch(() => {}).finally(() => this.#outgoing.delete(call as never))
    return call
  }

  /**
   * The bare state of a call, for whoever passes streams on: listen to it before this turn ends. Throws RangeError
   * for params over their limits, RpcError.
   */
  openCall<P>(
    method: Pick<Method<P, unknown, unknown, unknown>, "id" | "name" | "params">,
    params: P,
  ): CallState {
    if (!this.#isOpen)
      throw new RpcError("connection-closed", `Cannot call ${method.name}: the connection has ended`)
    const payload = encodeCall(method, params)
    const state = this.#multiplexer.call()
    state.open(payload)
    return state
  }

  /** Ends the connection at once: open calls fail, the duplex is destroyed. */
  close(): void {
    this.#end({ kind: "closed" })
  }

  #receive(untrustedChunk: Uint8Array): void {
    try {
      this.#frames.push(untrustedChunk, (frame) => {
        if (this.#isOpen) this.#multiplexer.receive(frame)
      })
    } catch (error) {
      // A mistake of ours that a peer's bytes bring out must cost no more than this connection.
      if (error instanceof ProtocolError) this.#end({ kind: "protocol-error", error })
      else this.#end({ kind: "failed", error: error instanceof Error ? error : new Error(String(error)) })
    }
  }

  #onEnd(): void {
    const error = new ProtocolError("truncated", "The connection ended within a frame")
    this.#end(this.#frames.isBetweenFrames ? { kind: "ended" } : { kind: "protocol-error", error })
  }

  #end(reason: CloseReason): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#duplex.destroy()
    const cause = reason.kind === "failed" || reason.kind === "protocol-error" ? reason.error : undefined
    const error = new RpcError("connection-closed", describe(reason), cause ? { cause } : {})
    for (const call of this.#outgoing) call.fail(error)
    for (const call of this.#incoming) call.cancel(error)
    this.#multiplexer.lose(error.message)
    this.#close(reason)
  }

  #serving(handlers: Handlers) {
    const table = new Map(handlers.map((handler) => [handler.method.id, handler]))
    return (state: CallState, method: number, untrustedParams: Uint8Array) => {
      const handler = table.get(method)
      if (handler !== undefined && "take" in handler) {
        handler.take(state, untrustedParams)
        return
      }
      const call = new IncomingCall(state, () => this.#incoming.delete(call))
      this.#incoming.add(call)
      if (handler === undefined) call.fail("unknown-method", `Method ${method} is not known here`)
      else handler.start(call, untrustedParams)
    }
  }

  /** At the end of this turn: what one turn makes goes out in one write. */
  #schedulePump(): void {
    if (this.#pumpScheduled) return
    this.#pumpScheduled = true
    queueMicrotask(() => {
      this.#pumpScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (!this.#isOpen || this.#duplex.writableNeedDrain) return
    this.#duplex.cork()
    const small: Uint8Array[] = []
    let smallBytes = 0
    for (let isRoom = true; isRoom; ) {
      const frame = this.#multiplexer.nextFrame()
      if (frame === undefined) break
      const { head, body } = frame
      small.push(head)
      smallBytes += head.length
      if (body !== undefined && body.length <= GATHERED_BYTES) {
        small.push(body)
        smallBytes += body.length
      } else if (body !== undefined) {
        this.#duplex.write(Buffer.concat(small.splice(0), smallBytes))
        smallBytes = 0
        isRoom = this.#duplex.write(body)
      }
      if (smallBytes >= RPC_LIMITS.chunkBytes) {
        isRoom = this.#duplex.write(Buffer.concat(small.splice(0), smallBytes))
        smallBytes = 0
      }
    }
    if (small.length > 0) this.#duplex.write(Buffer.concat(small, smallBytes))
    this.#duplex.uncork()
  }
}

function describe(reason: CloseReason): string {
  switch (reason.kind) {
    case "closed":
      return "The connection was closed"
    case "ended":
      return "The other side ended the connection"
    case "protocol-error":
      return `The other side broke the protocol: ${reason.error.message}`
    case "failed":
      return `The connection failed: ${reason.error.message}`
  }
}
