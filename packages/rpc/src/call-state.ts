import { encode, ProtocolError } from "@skerry/wire"
import { Credit, DOWN_STREAMS, FRAME, type OutFrame, outFrame, UP_STREAMS } from "./frames.ts"
import { RPC_LIMITS } from "./limits.ts"
import { ReceiveStream } from "./receive-stream.ts"
import { SendStream } from "./send-stream.ts"

export type Side = "caller" | "callee"

/** What a call hears from its peer. Bytes are views that are valid during the call only. */
export interface CallListener {
  onEvent(untrustedBytes: Uint8Array): void
  /** Callee only: the caller gave up. */
  onCancel(): void
  /** Caller only: RETURN or FAIL, after which the call is over. */
  onEnd(type: "return" | "fail", untrustedBytes: Uint8Array): void
}

const TYPES = {
  caller: { data: FRAME.data, eof: FRAME.eof, credit: FRAME.credit, event: FRAME.event },
  callee: { data: FRAME.dataDown, eof: FRAME.eofDown, credit: FRAME.creditDown, event: FRAME.eventDown },
} as const

const streamNumbers = [new Uint8Array([0]), new Uint8Array([1]), new Uint8Array([2])] as const

/**
 * One call, at either end: its streams, and what waits to be sent for it. No I/O: take() gives the next frame when
 * the transport has room.
 *
 *   caller:  opening ── CALL taken ──▶ open ── RETURN or FAIL came ──▶ over
 *            opening ── cancel() ──▶ over (the peer never heard of it)
 *            open ── cancel() ──▶ cancelled: input is dropped ── RETURN or FAIL came ──▶ over
 *   callee:  open ── finish() ──▶ finishing: what was written goes first ── RETURN or FAIL taken ──▶ over
 *            open ── CANCEL came ──▶ cancelled: output is dropped ── finish(), taken ──▶ over
 */
export class CallState {
  readonly id: number
  readonly side: Side
  readonly #wake: () => void
  #listener: CallListener | undefined
  readonly #received = new Map<number, ReceiveStream>()
  readonly #sent = new Map<number, SendStream>()
  #opening: Uint8Array | undefined
  #cancelPending: boolean = false
  #cancelled: boolean = false
  #events: Uint8Array[] = []
  #end: { type: number; payload: Uint8Array } | undefined
  #isOver: boolean = false

  constructor(id: number, side: Side, wake: (call: CallState) => void) {
    this.id = id
    this.side = side
    this.#wake = () => wake(this)
    for (const number of side === "caller" ? DOWN_STREAMS : UP_STREAMS) {
      this.#received.set(number, new ReceiveStream(this.#wake))
    }
    for (const number of side === "caller" ? UP_STREAMS : DOWN_STREAMS) {
      this.#sent.set(number, new SendStream(this.#wake))
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  listen(listener: CallListener): void {
    this.#listener = listener
  }

  received(number: number): ReceiveStream {
    return ofThisSide(this.#received.get(number), number)
  }

  sent(number: number): SendStream {
    return ofThisSide(this.#sent.get(number), number)
  }

  /** Caller: sends CALL. */
  open(payload: Uint8Array): void {
    this.#opening = payload
    this.#wake()
  }

  /** Caller: gives up. Nothing more is sent or delivered; the id stays taken until the peer has answered. */
  cancel(): void {
    if (this.#isOver || this.#cancelled) return
    this.#cancelled = true
    this.#dropOutput()
    for (const stream of this.#received.values()) stream.discard()
    if (this.#opening === undefined) {
      this.#cancelPending = true
    } else {
      this.#opening = undefined
      this.#isOver = true
    }
    this.#wake()
  }

  /** False: RPC_LIMITS.eventsWaiting events wait already, and this one was not taken. */
  sendEvent(payload: Uint8Array): boolean {
    if (this.#isOver || this.#cancelled || this.#end !== undefined) return true
    if (this.#events.length === RPC_LIMITS.eventsWaiting) return false
    this.#events.push(payload)
    this.#wake()
    return true
  }

  /** Callee: sends RETURN or FAIL after all that was written to the streams. The first one counts. */
  finish(type: "return" | "fail", payload: Uint8Array): void {
    if (this.#end !== undefined) return
    this.#end = { type: FRAME[type], payload }
    for (const stream of this.#received.values()) stream.discard()
    this.#wake()
  }

  /** Callee: the caller gave up, or is lost. */
  abandon(): void {
    if (this.#cancelled) return
    this.#cancelled = true
    this.#dropOutput()
    this.#listener?.onCancel()
  }

  // What the peer sent for this call. Each may throw ProtocolError.

  onData(stream: number, untrustedBytes: Uint8Array): void {
    this.#receivedOrThrow(stream).onBytes(untrustedBytes)
  }

  onEof(stream: number): void {
    this.#receivedOrThrow(stream).onEnd()
  }

  onCredit(stream: number, byteCount: number): void {
    const sent = this.#sent.get(stream)
    if (sent === undefined) throw new ProtocolError("bad-value", `Nothing is sent on stream ${stream}`)
    sent.onCredit(byteCount)
  }

  onEvent(untrustedBytes: Uint8Array): void {
    if (!this.#cancelled) this.#listener?.onEvent(untrustedBytes)
  }

  onCancel(): void {
    if (this.#cancelled) throw new ProtocolError("out-of-order", `Call ${this.id} was cancelled twice`)
    this.abandon()
  }

  /** The peer's RETURN or FAIL: also the end of every stream that it did not end before. */
  onEnd(type: "return" | "fail", untrustedBytes: Uint8Array): void {
    this.#isOver = true
    for (const stream of this.#received.values()) stream.end()
    this.#dropOutput()
    this.#listener?.onEnd(type, untrustedBytes)
  }

  /** The next frame of this call, or undefined if it has nothing to send now. */
  take(): OutFrame | undefined {
    if (this.#isOver) return undefined
    const types = TYPES[this.side]
    if (this.#opening !== undefined) {
      const payload = this.#opening
      this.#opening = undefined
      return outFrame(this.id, FRAME.call, payload)
    }
    if (this.#cancelPending) {
      this.#cancelPending = false
      return outFrame(this.id, FRAME.cancel)
    }
    const event = this.#events.shift()
    if (event !== undefined) return outFrame(this.id, types.event, event)
    if (!this.#cancelled) {
      for (const [stream, received] of this.#received) {
        const bytes = received.takeCredit()
        if (bytes > 0) return outFrame(this.id, types.credit, encode(Credit, { stream, bytes }))
      }
    }
    return this.#takeStream(types) ?? this.#takeEnd()
  }

  #takeStream(types: (typeof TYPES)[Side]): OutFrame | undefined {
    for (const [number, sent] of this.#sent) {
      const chunk = sent.take()
      if (chunk === undefined) continue
      // To the end of the line, so that stdout does not keep stderr waiting.
      this.#sent.delete(number)
      this.#sent.set(number, sent)
      return chunk === "eof"
        ? outFrame(this.id, types.eof, streamNumbers[number as 0 | 1 | 2])
        : outFrame(this.id, types.data, streamNumbers[number as 0 | 1 | 2], chunk)
    }
    return undefined
  }

  #takeEnd(): OutFrame | undefined {
    if (this.#end === undefined) return undefined
    for (const sent of this.#sent.values()) if (sent.isBusy) return undefined
    this.#isOver = true
    return outFrame(this.id, this.#end.type, this.#end.payload)
  }

  #dropOutput(): void {
    this.#events = []
    for (const stream of this.#sent.values()) stream.discard()
  }

  #receivedOrThrow(stream: number): ReceiveStream {
    const received = this.#received.get(stream)
    if (received === undefined) throw new ProtocolError("bad-value", `Nothing may come on stream ${stream}`)
    return received
  }
}

function ofThisSide<T>(stream: T | undefined, number: number): T {
  if (stream === undefined) throw new RangeError(`Stream ${number} does not run this way`)
  return stream
}
