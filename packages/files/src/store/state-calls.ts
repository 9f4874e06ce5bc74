import { InvalidName } from "@skerry/model"
import { CallFailure, type CallState, describeFailure, type StateErrorCode } from "@skerry/rpc"
import { ProtocolError } from "@skerry/wire"
import { FileError } from "../file-tree.ts"
import { StoreError, type StoreErrorCode } from "./object-store.ts"
import { type Clock, MAINTENANCE } from "./tree/maintenance.ts"

const CODES: Readonly<Record<StoreErrorCode, StateErrorCode>> = {
  "locked-out": "unusable",
  "wrong-key": "wrong-key",
  "too-new": "unusable",
  damaged: "damaged",
  "no-space": "no-space",
  "not-a-store": "unusable",
  io: "internal",
}

/** In the words of state-protocol.ts. */
export function stateFailure(error: unknown): unknown {
  const as = (code: StateErrorCode, message: string) => new CallFailure(code, message, { cause: error })
  if (error instanceof StoreError) return as(CODES[error.code], error.message)
  if (error instanceof InvalidName) return as("bad-request", error.message)
  if (error instanceof ProtocolError) return as("bad-request", error.message)
  if (error instanceof FileError) {
    const isFull = error.code === "ENOSPC" || error.code === "EDQUOT"
    return as(isFull ? "no-space" : "bad-request", isFull ? "There is no space left" : error.message)
  }
  return error
}

/** What is done for one call, until it is over: it may be given up at any time. */
export interface Work {
  /** Answers; later ones do not count. */
  finish(result: Uint8Array): void
  fail(error: unknown): void
  /** The caller gave up, or it was answered. */
  readonly isOver: boolean
}

/** `onOver` is called once, whatever ends it. */
export function workOn(call: CallState, onOver: () => void = () => {}): Work {
  let isOver = false
  const end = (type: "return" | "fail", payload: Uint8Array) => {
    if (isOver) return
    isOver = true
    onOver()
    call.finish(type, payload)
  }
  const fail = (error: unknown) => end("fail", describeFailure(stateFailure(error)))
  call.listen({
    onEvent: () => {},
    onCancel: () => fail(new CallFailure("cancelled", "The caller gave up")),
    onEnd: () => {},
  })
  return {
    finish: (result) => end("return", result),
    fail,
    get isOver() {
      return isOver
    },
  }
}

/** Written at once, about. */
const PIECE_BYTES = 64 * 1024

/**
 * Writes pieces to stdout at the caller's speed, and for a moment at a time: clients are served in between. A piece that is
 * undefined is none, but a place to stop at. What makes them fail ends the call.
 */
export function sendPieces(
  call: CallState,
  work: Work,
  clock: Clock,
  pieces: Iterator<Uint8Array | undefined>,
  onSent: () => void,
): void {
  const stream = call.sent(1)
  const go = () => {
    if (work.isOver) return
    const gathered: Uint8Array[] = []
    let isDone: boolean | undefined = false
    try {
      const end = clock.now() + MAINTENANCE.sliceMs
      for (let bytes = 0; bytes < PIECE_BYTES; ) {
        const { done, value } = pieces.next()
        isDone = done
        if (isDone === true) break
        if (value !== undefined) gathered.push(value)
        bytes += value?.length ?? 0
        if (clock.now() >= end) break
      }
    } catch (error) {
      return work.fail(error)
    }
    const next = () => {
      if (isDone !== true) return void clock.after(0, go)
      stream.end(() => {})
      onSent()
    }
    if (gathered.length === 0) next()
    else stream.write(Buffer.concat(gathered), next)
  }
  go()
}

/** Goes through all parts, for a moment at a time: clients are served in between. Ends where the call does. */
export function inSlices<R>(
  work: Work,
  clock: Clock,
  parts: Iterator<unknown, R>,
  onDone: (result: R) => void,
): void {
  const go = () => {
    if (work.isOver) return
    try {
      const end = clock.now() + MAINTENANCE.sliceMs
      do {
        const { done, value } = parts.next()
        if (done === true) return onDone(value)
      } while (clock.now() < end)
    } catch (error) {
      return work.fail(error)
    }
    clock.after(0, go)
  }
  go()
}

/** One JSON object on each line. */
function* linesOf(rows: Iterable<object | undefined>): Generator<Uint8Array | undefined, void, undefined> {
  for (const row of rows) yield row && Buffer.from(`${JSON.stringify(row)}\n`)
}

/** Rows on stdout, as sendPieces() does, then an answer. */
export function sendRows(
  call: CallState,
  work: Work,
  clock: Clock,
  rows: Iterable<object | undefined>,
  result: () => Uint8Array,
): void {
  sendPieces(call, work, clock, linesOf(rows), () => work.finish(result()))
}

/** Takes stdin, in pieces that are valid during the call only; what `take` throws ends the call. */
export function receivePieces(
  call: CallState,
  work: Work,
  take: (piece: Uint8Array) => void,
  onEnd: () => void,
): void {
  const stream = call.received(0)
  stream.attach((piece) => {
    if (work.isOver) return true
    try {
      if (piece === null) onEnd()
      else take(piece)
    } catch (error) {
      work.fail(error)
    }
    return piece !== null
  })
  stream.pull()
}
