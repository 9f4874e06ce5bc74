import type { Readable, Writable } from "node:stream"
import { decode, encode, Writer } from "@skerry/wire"
import type { CallState } from "./call-state.ts"
import { CallReadable, CallWritable } from "./call-streams.ts"
import { RemoteError } from "./errors.ts"
import { Fail, STREAM } from "./frames.ts"
import { RPC_LIMITS } from "./limits.ts"
import type { Method } from "./method.ts"

export interface CallOptions<D> {
  /** Gives the call up: the peer is told, `result` rejects with the signal's reason, the streams are destroyed. */
  readonly signal?: AbortSignal
  /** Called for each event of the callee, in order. */
  readonly onEvent?: (event: D) => void
}

type Answering<R, U, D> = Pick<Method<unknown, R, U, D>, "result" | "up" | "down">

/**
 * A call to the peer. `result` settles after all output was received: read or destroy() both stdout and stderr if the
 * method writes to them, or they hold it up once the window is full.
 */
export class OutgoingCall<R, U, D> {
  readonly #state: CallState
  readonly #method: Answering<R, U, D>
  readonly #resolve: (result: R) => void
  readonly #reject: (reason: unknown) => void
  #stdin: CallWritable | undefined
  #stdout: CallReadable | undefined
  #stderr: CallReadable | undefined
  #failure: Error | undefined
  #stopWaiting = () => {}
  /** Rejects with RemoteError, with the signal's reason, or with RpcError "connection-closed". */
  readonly result: Promise<R>

  constructor(state: CallState, method: Answering<R, U, D>, options: CallOptions<D>) {
    const { promise, resolve, reject } = Promise.withResolvers<R>()
    this.#state = state
    this.#method = method
    this.#resolve = resolve
    this.#reject = reject
    this.result = promise
    // Whoever uses only the streams hears of a failure from them.
    promise.catch(() => {})
    const { signal, onEvent } = options
    state.listen({
      onEvent: (untrustedBytes) => {
        const event = decode(method.down, untrustedBytes)
        onEvent?.(event)
      },
      onCancel: () => {},
      onEnd: (type, untrustedBytes) => this.#onEnd(type, untrustedBytes),
    })
    if (signal === undefined) return
    const abort = () => this.#giveUp(signal.reason)
    signal.addEventListener("abort", abort, { once: true })
    this.#stopWaiting = () => signal.removeEventListener("abort", abort)
  }

  /** Ends with end(): the callee then reads the end of its input. */
  get stdin(): Writable {
    this.#stdin ??= this.#withFailure(new CallWritable(this.#state.sent(STREAM.stdin)))
    return this.#stdin
  }

  get stdout(): Readable {
    this.#stdout ??= this.#withFailure(new CallReadable(this.#state.received(STREAM.stdout)))
    return this.#stdout
  }

  get stderr(): Readable {
    this.#stderr ??= this.#withFailure(new CallReadable(this.#state.received(STREAM.stderr)))
    return this.#stderr
  }

  /** Sends an event. False: the pipe is full and the event was not taken. An event after the call's end is dropped. */
  send(event: U): boolean {
    return this.#state.sendEvent(encode(this.#method.up, event))
  }

  /** The connection ended. */
  fail(error: Error): void {
    this.#stopWaiting()
    this.#failure = error
    this.#state.cancel()
    for (const stream of [this.#stdin, this.#stdout, this.#stderr]) stream?.destroy(error)
    this.#reject(error)
  }

  #giveUp(reason: unknown): void {
    this.fail(reason instanceof Error ? reason : new Error("The call was given up", { cause: reason }))
  }

  /** Decoding may throw ProtocolError, which ends the connection and with it this call. */
  #onEnd(type: "return" | "fail", untrustedBytes: Uint8Array): void {
    if (type === "fail") {
      const { code, message } = decode(Fail, untrustedBytes)
      this.#reject(new RemoteError(code, message))
    } else {
      this.#resolve(decode(this.#method.result, untrustedBytes))
    }
    this.#stopWaiting()
  }

  #withFailure<S extends Readable | Writable>(stream: S): S {
    if (this.#failure !== undefined) stream.destroy(this.#failure)
    return stream
  }
}

/** CALL: u16 method, then its params. Throws RangeError for params over their limits. */
export function encodeCall<P>(
  method: Pick<Method<P, unknown, unknown, unknown>, "id" | "name" | "params">,
  params: P,
): Uint8Array {
  const writer = new Writer()
  writer.u16(method.id)
  method.params.encode(writer, params)
  const payload = writer.finish()
  if (payload.length > RPC_LIMITS.messageBytes) {
    throw new RangeError(
      `Cannot call ${method.name}: its parameters take ${payload.length} bytes, ${RPC_LIMITS.messageBytes} are allowed`,
    )
  }
  return payload
}
