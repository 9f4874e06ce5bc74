import type { Readable, Writable } from "node:stream"
import { finished } from "node:stream/promises"
import { decode, encode } from "@skerry/wire"
import type { CallState } from "./call-state.ts"
import { CallReadable, CallWritable } from "./call-streams.ts"
import { CallFailure } from "./errors.ts"
import { describeFailure, encodeFailure } from "./failure.ts"
import { STREAM } from "./frames.ts"
import type { Method } from "./method.ts"

/** What a handler has of its call. */
export interface CallContext<U, D> {
  /** Aborted when the caller gave up or the connection ended: nobody will hear the result. */
  readonly signal: AbortSignal
  /** Destroyed with an error, not ended, when the caller goes away: cut input must not pass for a whole one. */
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** False: the pipe is full and the event was not taken. */
  send(event: D): boolean
  /** Names who hears the caller's events. Call it before the first await: an event that nobody hears is dropped. */
  onEvent(listener: (event: U) => void): void
}

/** One entry of a table of handlers; made by handler() or bareHandler(). */
export type Handler = {
  readonly method: { readonly id: number; readonly name: string }
} & (
  | {
      /** Decodes the params (may throw ProtocolError) and starts the handler. */
      start(call: IncomingCall, untrustedParams: Uint8Array): void
    }
  | {
      /** The same, for whoever passes the call on: its state is the handler's to end. */
      take(state: CallState, untrustedParams: Uint8Array): void
    }
)

export type Handlers = readonly Handler[]

/**
 * The result goes to the caller after all output. An error with a `code` in kebab case (CallFailure, or any coded
 * error) reaches the caller with that code and its message, any other with the code "internal".
 */
export function handler<P, R, U, D>(
  method: Method<P, R, U, D>,
  handle: (params: P, context: CallContext<U, D>) => Promise<R> | R,
): Handler {
  return {
    method,
    start(call, untrustedParams) {
      const params = decode(method.params, untrustedParams)
      const context: CallContext<U, D> = {
        signal: call.signal,
        get stdin() {
          return call.stdin
        },
        get stdout() {
          return call.stdout
        },
        get stderr() {
          return call.stderr
        },
        send: (event) => call.sendEvent(encode(method.down, event)),
        onEvent: (listener) => call.onEvent((untrustedBytes) => listener(decode(method.up, untrustedBytes))),
      }
      call.run(async () => encode(method.result, await handle(params, context)))
    },
  }
}

/** A handler that has the call's bare state; it must come to finish(). */
export function bareHandler<P>(
  method: Pick<Method<P, unknown, unknown, unknown>, "id" | "name" | "params">,
  take: (params: P, state: CallState) => void,
): Handler {
  return {
    method,
    take: (state, untrustedParams) => take(decode(method.params, untrustedParams), state),
  }
}

/** A call of the peer while its handler runs. */
export class IncomingCall {
  readonly #state: CallState
  readonly #abort = new AbortController()
  readonly #onOver: () => void
  #stdin: CallReadable | undefined
  #stdout: CallWritable | undefined
  #stderr: CallWritable | undefined
  #listener: ((untrustedBytes: Uint8Array) => void) | undefined

  constructor(state: CallState, onOver: () => void) {
    this.#state = state
    this.#onOver = onOver
    state.listen({
      onEvent: (untrustedBytes) => this.#listener?.(untrustedBytes),
      onCancel: () => this.cancel(new CallFailure("cancelled", "The caller gave up")),
      onEnd: () => {},
    })
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get stdin(): Readable {
    this.#stdin ??= this.#unlessCancelled(new CallReadable(this.#state.received(STREAM.stdin)))
    return this.#stdin
  }

  get stdout(): Writable {
    this.#stdout ??= new CallWritable(this.#state.sent(STREAM.stdout))
    return this.#stdout
  }

  get stderr(): Writable {
    this.#stderr ??= new CallWritable(this.#state.sent(STREAM.stderr))
    return this.#stderr
  }

  sendEvent(payload: Uint8Array): boolean {
    return this.#state.sendEvent(payload)
  }

  onEvent(listener: (untrustedBytes: Uint8Array) => void): void {
    this.#listener = listener
  }

  /** Runs the handler to the encoded result and answers the caller. */
  run(handle: () => Promise<Uint8Array>): void {
    void this.#run(handle)
  }

  fail(code: string, message: string): void {
    this.#state.finish("fail", encodeFailure(code, message))
    this.#onOver()
  }

  /** The caller gave up, or the connection ended: output goes nowhere from now on. */
  cancel(reason: Error): void {
    this.#abort.abort(reason)
    this.#stdin?.destroy(reason)
    this.#state.sent(STREAM.stdout).discard()
    this.#state.sent(STREAM.stderr).discard()
  }

  async #run(handle: () => Promise<Uint8Array>): Promise<void> {
    const answer = await handle().then(
      (payload) => ({ type: "return", payload }) as const,
      (error: unknown) => ({ type: "fail", payload: describeFailure(error) }) as const,
    )
    await Promise.all([this.#stdout, this.#stderr].map(endOutput))
    this.#stdin?.destroy()
    this.#state.finish(answer.type, answer.payload)
    this.#onOver()
  }

  #unlessCancelled<S extends Readable>(stream: S): S {
    if (this.signal.aborted) stream.destroy(this.signal.reason as Error)
    return stream
  }
}

async function endOutput(stream: CallWritable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed) return
  stream.end()
  // An output stream that its handler destroyed has nothing left to wait for.
  await finished(stream).catch(() => {})
}
