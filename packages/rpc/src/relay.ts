import type { CallState } from "./call-state.ts"
import { encodeFailure } from "./failure.ts"
import { STREAM } from "./frames.ts"
import type { ReceiveStream } from "./receive-stream.ts"
import type { SendStream } from "./send-stream.ts"

/** How a call ended, encoded for whoever hears it. */
export interface Answer {
  readonly type: "return" | "fail"
  readonly payload: Uint8Array
}

export interface RelayHooks {
  /** An event of the callee, as the caller's protocol has it; undefined: it is not told. May throw ProtocolError. */
  onEvent(untrustedBytes: Uint8Array): Uint8Array | undefined
  /** An event of the caller; it goes no further. */
  onCallerEvent?(untrustedBytes: Uint8Array): void
  /** What the caller is answered. May throw ProtocolError: the caller then hears "connection-closed". */
  onEnd(type: Answer["type"], untrustedBytes: Uint8Array): Answer
  /** The caller gave up: the callee is being told, and what it answers is heard by nobody. */
  onGivenUp?(): void
  /** Both calls are over; called exactly once. */
  onOver(): void
  /**
   * Bytes that come in are good for as long as they are used, as those of a Connection are; otherwise they are valid
   * during the call only, and what has to wait is copied.
   */
  readonly bytesLast: boolean
}

export interface Relay {
  /** Ends the caller's call at once with this failure, and gives the other up. */
  fail(code: string, message: string): void
}

/**
 * Joins a call that came in to one that was made for it: streams both ways, giving up, events of the callee, the
 * answer. Events of the caller are dropped: a relayed method has none. It holds one chunk of each stream; the rest
 * waits in the windows, so that who does not read holds up only who sends. Listens to both from now on.
 *
 *   joined ── the callee's answer ──▶ draining: what it wrote goes first ──▶ over
 *   joined, draining ── fail(), or the caller gave up ──▶ answered: the callee is told ── its answer ──▶ over
 */
export function relay(from: CallState, to: CallState, hooks: RelayHooks): Relay {
  return new JoinedCalls(from, to, hooks)
}

class JoinedCalls implements Relay {
  readonly #from: CallState
  readonly #to: CallState
  readonly #hooks: RelayHooks
  readonly #stdout: Pipe
  readonly #stderr: Pipe
  #answer: Answer | undefined
  #isAnswered = false
  #isOver = false

  constructor(from: CallState, to: CallState, hooks: RelayHooks) {
    this.#from = from
    this.#to = to
    this.#hooks = hooks
    const onEvent = (untrustedBytes: Uint8Array) => hooks.onCallerEvent?.(untrustedBytes)
    from.listen({ onEvent, onCancel: () => this.#abandon(), onEnd: () => {} })
    to.listen({
      onEvent: (untrustedBytes) => {
        const event = hooks.onEvent(this.#keep(untrustedBytes))
        // A caller that does not read does without: its events are news, not data.
        if (event !== undefined) from.sendEvent(event)
      },
      onCancel: () => {},
      onEnd: (type, untrustedBytes) => this.#onEnd(type, untrustedBytes),
    })
    const keep = (bytes: Uint8Array) => this.#keep(bytes)
    const onDrained = () => this.#answerIfDrained()
    const toService = to.sent(STREAM.stdin)
    const stdin = new Pipe(from.received(STREAM.stdin), toService, keep, () => toService.end(nobodyWaits))
    this.#stdout = new Pipe(to.received(STREAM.stdout), from.sent(STREAM.stdout), keep, onDrained)
    this.#stderr = new Pipe(to.received(STREAM.stderr), from.sent(STREAM.stderr), keep, onDrained)
    stdin.start()
    this.#stdout.start()
    this.#stderr.start()
  }

  fail(code: string, message: string): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.#from.sent(STREAM.stdout).discard()
    this.#from.sent(STREAM.stderr).discard()
    this.#from.finish("fail", encodeFailure(code, message))
    this.#to.cancel()
    if (this.#to.isOver) this.#over()
  }

  #abandon(): void {
    if (this.#isAnswered) return
    this.#hooks.onGivenUp?.()
    this.fail("cancelled", "The caller gave up")
  }

  #onEnd(type: Answer["type"], untrustedBytes: Uint8Array): void {
    if (this.#isAnswered) {
      this.#over()
      return
    }
    try {
      this.#answer = this.#hooks.onEnd(type, this.#keep(untrustedBytes))
    } catch (error) {
      this.fail("connection-closed", "The other side broke the protocol")
      throw error
    }
    this.#answerIfDrained()
  }

  #answerIfDrained(): void {
    const answer = this.#answer
    if (answer === undefined || this.#isAnswered || !this.#stdout.isDone || !this.#stderr.isDone) return
    this.#isAnswered = true
    this.#from.finish(answer.type, answer.payload)
    this.#over()
  }

  #keep(bytes: Uint8Array): Uint8Array {
    return this.#hooks.bytesLast ? bytes : Buffer.from(bytes)
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#hooks.onOver()
  }
}

const nobodyWaits = () => {}

/** Carries one stream, a chunk at a time. */
class Pipe {
  readonly #source: ReceiveStream
  readonly #target: SendStream
  readonly #keep: (bytes: Uint8Array) => Uint8Array
  readonly #onDone: () => void
  readonly #onTaken: () => void
  #isWriting = false
  #isBusy = false
  #isDone = false

  constructor(
    source: ReceiveStream,
    target: SendStream,
    keep: (bytes: Uint8Array) => Uint8Array,
    onDone: () => void,
  ) {
    this.#source = source
    this.#target = target
    this.#keep = keep
    this.#onDone = onDone
    this.#onTaken = () => {
      this.#isBusy = false
      // A target that discards takes at once: the source goes on by itself then.
      if (!this.#isWriting) source.pull()
    }
  }

  /** All that came has been taken. */
  get isDone(): boolean {
    return this.#isDone
  }

  start(): void {
    this.#source.attach((bytes) => this.#take(bytes))
    this.#source.pull()
  }

  /** False: no more until pull(). */
  #take(bytes: Uint8Array | null): boolean {
    if (bytes === null) {
      this.#isDone = true
      this.#onDone()
      return false
    }
    this.#isBusy = true
    this.#isWriting = true
    this.#target.write(this.#keep(bytes), this.#onTaken)
    this.#isWriting = false
    return !this.#isBusy
  }
}
