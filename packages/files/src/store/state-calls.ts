import { InvalidName } from "@skerry/model"
import { CallFailure, type CallState, describeFailure, type StateErrorCode } from "@skerry/rpc"
import { ProtocolError } from "@skerry/wire"
import { FileError } from "../file-tree.ts"
import { StoreError, type StoreErrorCode } from "./object-store.ts"

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

/** Writes pieces to stdout at the caller's speed; what makes them fail ends the call. */
export function sendPieces(
  call: CallState,
  work: Work,
  pieces: Iterator<Uint8Array>,
  onSent: () => void,
): void {
  const stream = call.sent(1)
  const gather = (): Uint8Array | undefined => {
    const gathered: Uint8Array[] = []
    for (let bytes = 0; bytes < PIECE_BYTES; ) {
      const { done, value } = pieces.next()
      if (done === true) break
      gathered.push(value)
      bytes += value.length
    }
    return gathered.length === 0 ? undefined : Buffer.concat(gathered)
  }
  const go = () => {
    try {
      // A stream that nobody reads any more takes everything at once.
      for (let isTaken = true; isTaken && !work.isOver; ) {
        const bytes = gather()
        if (bytes === undefined) {
          stream.end(() => {})
          onSent()
          return
        }
        let isWaiting = false
        isTaken = false
        stream.write(bytes, () => {
          isTaken = true
          if (isWaiting) go()
        })
        isWaiting = !isTaken
      }
    } catch (error) {
      work.fail(error)
    }
  }
  go()
}

/** One JSON object on each line. */
export function* linesOf(rows: Iterable<object>): Generator<Uint8Array, void, undefined> {
  for (const row of rows) yield Buffer.from(`${JSON.stringify(row)}\n`)
}

/** Rows on stdout, then an answer. */
export function sendRows(
  call: CallState,
  work: Work,
  rows: Iterable<object>,
  result: () => Uint8Array,
): void {
  sendPieces(call, work, linesOf(rows), () => work.finish(result()))
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
