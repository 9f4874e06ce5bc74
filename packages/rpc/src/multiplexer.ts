import { decode, type Frame, nothing, ProtocolError, Reader } from "@skerry/wire"
import { CallState } from "./call-state.ts"
import { RpcError } from "./errors.ts"
import { encodeFailure } from "./failure.ts"
import { Credit, FRAME, type OutFrame } from "./frames.ts"
import { RPC_LIMITS } from "./limits.ts"

export interface MultiplexerOptions {
  /** A call came in. Absent: this end serves nothing, and a CALL breaks the protocol. */
  readonly onCall: ((call: CallState, method: number, untrustedParams: Uint8Array) => void) | undefined
  /** nextFrame() may have something to give. */
  readonly onReady: () => void
}

const FIRST_CALL_ID = 1

/**
 * All calls of one connection, without I/O: frames of the peer go in by receive(), frames for the peer come out of
 * nextFrame(), one call after the other, so that no call keeps the others from the pipe.
 *
 * Ids: each side numbers its own calls upwards; the direction is in the frame's type. A callee forgets a call with
 * its RETURN or FAIL, while frames of the caller may still be on their way: frames for an id at or below the
 * highest seen are ignored, above it only CALL is allowed. A caller forgets a call when RETURN or FAIL came, after
 * which nothing may follow.
 *
 * The first id may come again while no call is open: the agent in a clone goes on with the connection of its
 * template, but at the other end there is a new one.
 */
export class Multiplexer {
  readonly #options: MultiplexerOptions
  readonly #outgoing = new Map<number, CallState>()
  readonly #incoming = new Map<number, CallState>()
  /** In the order of their turns. */
  readonly #ready = new Set<CallState>()
  #lastOutgoingId = 0
  #highestIncomingId = 0

  constructor(options: MultiplexerOptions) {
    this.#options = options
  }

  /** Throws RpcError "too-many-calls". */
  call(): CallState {
    if (this.#outgoing.size >= RPC_LIMITS.callsOpen) {
      throw new RpcError(
        "too-many-calls",
        `Cannot call: ${RPC_LIMITS.callsOpen} calls are open on this connection`,
      )
    }
    if (this.#lastOutgoingId === RPC_LIMITS.lastCallId) {
      throw new RpcError(
        "too-many-calls",
        "Cannot call: all call ids of this connection were used; connect again",
      )
    }
    this.#lastOutgoingId += 1
    const call = new CallState(this.#lastOutgoingId, "caller", (call) => this.#wake(call))
    this.#outgoing.set(call.id, call)
    return call
  }

  /** Throws ProtocolError, after which this object must not be used any more. */
  receive(untrustedFrame: Frame): void {
    const { type, payload } = untrustedFrame
    if (type === FRAME.call) {
      this.#receiveCall(untrustedFrame.call, payload)
      return
    }
    const fromCallee = type >= 0x80
    const call = (fromCallee ? this.#outgoing : this.#incoming).get(untrustedFrame.call)
    if (call === undefined) {
      if (fromCallee || untrustedFrame.call > this.#highestIncomingId) {
        throw new ProtocolError(
          "out-of-order",
          `Frame ${type} came for call ${untrustedFrame.call}, which is not open`,
        )
      }
      // The call is over and its caller did not know yet. Nothing is decoded: nothing is done with it.
      return
    }
    this.#receiveFor(call, type, payload)
  }

  #receiveFor(call: CallState, type: number, payload: Uint8Array): void {
    switch (type) {
      case FRAME.data:
      case FRAME.dataDown: {
        const reader = new Reader(payload)
        call.onData(reader.u8(), reader.rest())
        break
      }
      case FRAME.eof:
      case FRAME.eofDown: {
        const reader = new Reader(payload)
        const stream = reader.u8()
        reader.end()
        call.onEof(stream)
        break
      }
      case FRAME.credit:
      case FRAME.creditDown: {
        const credit = decode(Credit, payload)
        call.onCredit(credit.stream, credit.bytes)
        break
      }
      case FRAME.event:
      case FRAME.eventDown:
        call.onEvent(payload)
        break
      case FRAME.cancel:
        decode(nothing, payload)
        call.onCancel()
        break
      case FRAME.return:
      case FRAME.fail:
        this.#outgoing.delete(call.id)
        call.onEnd(type === FRAME.return ? "return" : "fail", payload)
        break
      default:
        throw new ProtocolError("unknown-message", `Frame type ${type} is unknown`)
    }
  }

  #receiveCall(id: number, payload: Uint8Array): void {
    const { onCall } = this.#options
    if (onCall === undefined)
      throw new ProtocolError("unknown-message", "A call came to an end that serves none")
    const isNumberedAnew = id === FIRST_CALL_ID && this.#incoming.size === 0
    if (id <= this.#highestIncomingId && !isNumberedAnew) {
      throw new ProtocolError("out-of-order", `Call ${id} came after call ${this.#highestIncomingId}`)
    }
    if (this.#incoming.size >= RPC_LIMITS.callsOpen) {
      throw new ProtocolError("too-large", `More than ${RPC_LIMITS.callsOpen} calls are open`)
    }
    const reader = new Reader(payload)
    const method = reader.u16()
    this.#highestIncomingId = id
    const call = new CallState(id, "callee", (call) => this.#wake(call))
    this.#incoming.set(id, call)
    onCall(call, method, reader.rest())
  }

  /**
   * The connection is lost: to every call of the peer as if its caller had given it up, to every call of this side as
   * if the peer had failed it with "connection-closed".
   */
  lose(message: string): void {
    for (const call of this.#incoming.values()) call.abandon()
    const failure = encodeFailure("connection-closed", message)
    for (const call of [...this.#outgoing.values()]) {
      this.#outgoing.delete(call.id)
      call.onEnd("fail", failure)
    }
  }

  /** The frame whose turn it is; undefined: nothing to send now, onReady tells when there is. */
  nextFrame(): OutFrame | undefined {
    for (const call of this.#ready) {
      this.#ready.delete(call)
      const frame = call.take()
      if (call.isOver) this.#forget(call)
      if (frame === undefined) continue
      if (!call.isOver) this.#ready.add(call)
      return frame
    }
    return undefined
  }

  /** Calls of this side that have no answer yet, and calls of the peer that we have not answered. */
  get openCalls(): { readonly outgoing: number; readonly incoming: number } {
    return { outgoing: this.#outgoing.size, incoming: this.#incoming.size }
  }

  #wake(call: CallState): void {
    this.#ready.add(call)
    this.#options.onReady()
  }

  #forget(call: CallState): void {
    const calls = call.side === "caller" ? this.#outgoing : this.#incoming
    calls.delete(call.id)
  }
}
