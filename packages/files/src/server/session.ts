import { ProtocolError } from "@skerry/wire"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { HEADER_BYTES, MESSAGES, NO_TAG } from "../codec/messages.ts"
import { FileError, type FileErrorCode } from "../file-tree.ts"
import { Answers } from "./answers.ts"
import { Backlog } from "./backlog.ts"
import type { BufferPool } from "./buffer-pool.ts"
import { ClientState } from "./client-state.ts"
import { FidBudget } from "./fid-budget.ts"
import { HANDLERS } from "./handlers.ts"
import type { AttachableTree } from "./served-tree.ts"

/** Less is read together with the requests behind it, which costs a call of the kernel less. */
const LEAST_REST_BYTES = 16 * 1024
/** Answers that a client with short messages may have waiting all the same. */
const LEAST_ANSWER_BYTES = 64 * 1024

export interface SessionOptions {
  /** By the name that the client attaches each by. */
  readonly trees: ReadonlyMap<string, AttachableTree>
  readonly pool: BufferPool
  /** The client had a session with the server before this one, and reclaims what it held. */
  readonly isAgain?: boolean
  /** Shared by all sessions of a server; absent: this one is alone. */
  readonly budget?: FidBudget
  /** Milliseconds; absent: there are no others who would wait for their turn. */
  readonly now?: () => number
}

/**
 * One client's 9P connection, without its descriptor. Requests are handled in their order as they come, their answers
 * may be taken after endTurn(), which commits what they changed. A request's tag is free again from then on.
 *
 * Whoever drives it: while wantsInput, receive(), or received() where there is a roomForRest(); when nothing more is
 * there, endTurn(), and send pending(); when not wantsInput and pending() is empty, resume(), after others had their
 * turn. A ProtocolError from any of them: close().
 */
export class Session {
  readonly #state: ClientState
  readonly #answers: Answers
  readonly #backlog: Backlog
  /** One bit for each tag whose answer may not be taken yet. */
  readonly #tags = new Uint32Array(65_536 / 32)
  /** Trees that it has attached, with which it may have something to commit. */
  readonly #trees: readonly AttachableTree[]
  readonly #now: () => number
  /** Requests wait: for room for their answers, or because the time of this turn was over. */
  #isPaused = false
  #turnEnd = 0
  #isOpen = true
  #requests = 0

  constructor({ trees, pool, budget = new FidBudget(), isAgain = false, now = () => 0 }: SessionOptions) {
    this.#now = now
    this.#answers = new Answers(pool)
    this.#state = new ClientState(trees, this.#answers.writer, budget)
    if (isAgain) this.#state.beginReclaiming()
    this.#backlog = new Backlog(pool)
    this.#trees = [...trees.values()]
  }

  /** False: too many answers wait to be taken, or requests for the next turn. */
  get wantsInput(): boolean {
    return !this.#isPaused
  }

  /** Fids that the client has. */
  get fids(): number {
    return this.#state.fids.size
  }

  /** Requests handled so far. */
  get requests(): number {
    return this.#requests
  }

  /**
   * Where to read to what an unfinished request lacks, so that it need not be copied there; then received(). undefined: it is
   * little, or there is no such request, so that whatever comes goes to receive().
   */
  roomForRest(): Buffer | undefined {
    if (this.#isPaused || this.#backlog.length === 0) return undefined
    const missing = this.#missing()
    if (missing < LEAST_REST_BYTES) return undefined
    return this.#backlog.room(Math.min(missing, NINEP_LIMITS.inputBytes))
  }

  /** `count` bytes were read to roomForRest(). Throws as receive() does. */
  received(count: number): void {
    this.#beginTurn()
    this.#backlog.added(count)
    if (this.#missing() === 0) this.#handleBacklog()
  }

  /**
   * Handles the requests that these bytes complete; what is left is kept. At most NINEP_LIMITS.inputBytes at once. Throws
   * ProtocolError, after which there is nothing to do but close().
   */
  receive(untrustedBytes: Buffer): void {
    this.#beginTurn()
    let rest = untrustedBytes
    while (this.#backlog.length > 0 && rest.length > 0) {
      // All of it behind requests that wait; else as much as the first, unfinished one lacks.
      const taken = this.#isPaused ? rest.length : Math.min(this.#missing(), rest.length)
      this.#backlog.add(rest.subarray(0, taken))
      rest = rest.subarray(taken)
      if (!this.#isPaused) this.#handleBacklog()
    }
    if (rest.length === 0) return
    const handled = this.#handleAll(rest, 0, rest.length)
    if (handled < rest.length) this.#backlog.add(rest.subarray(handled))
  }

  /** Goes on with what was received and not handled; when there is room for answers again. */
  resume(): void {
    this.#beginTurn()
    this.#isPaused = false
    this.#handleBacklog()
  }

  /** Commits what was changed; then answers may be taken, errors instead of those whose commit failed. */
  endTurn(): void {
    for (const { served } of this.#trees) served.commit()
    this.#answers.release(this.#freeTag)
  }

  /** The client has had time enough to ask for its locks again: others wait no longer. */
  endReclaiming(): void {
    this.#state.endReclaiming()
  }

  /** When the answers of a turn are on their way, and there is nothing else to do. */
  prepare(): void {
    for (const { served } of this.#trees) served.tree.prepare?.()
  }

  /** Answers to be sent, valid until taken(). */
  pending(): Buffer {
    return this.#answers.pending()
  }

  taken(count: number): void {
    this.#answers.taken(count)
  }

  /**
   * Ends the client's fids and locks, and makes durable what it has written. The code of the first tree that failed at
   * it; undefined: all is well.
   */
  close(): FileErrorCode | undefined {
    if (!this.#isOpen) return undefined
    this.#isOpen = false
    this.#state.reset()
    this.#state.endReclaiming()
    this.#answers.close()
    this.#backlog.close()
    let failure: FileErrorCode | undefined
    for (const { served } of this.#trees) {
      const turn = served.changed(false)
      served.commit()
      failure ??= turn.failure
    }
    return failure
  }

  readonly #freeTag = (tag: number): void => {
    this.#tags[tag >>> 5] = (this.#tags[tag >>> 5] ?? 0) & ~(1 << (tag & 31))
  }

  #beginTurn(): void {
    this.#turnEnd = this.#now() + NINEP_LIMITS.turnMs
  }

  #handleBacklog(): void {
    const { bytes, start, end } = this.#backlog
    this.#backlog.take(this.#handleAll(bytes, start, end) - start)
  }

  /** Handles whole requests; where the rest begins. */
  #handleAll(untrustedBytes: Buffer, start: number, end: number): number {
    let at = start
    while (end - at >= 4) {
      const size = this.#sizeAt(untrustedBytes, at)
      if (end - at < size) break
      if (!this.#hasRoom() || this.#now() >= this.#turnEnd) {
        this.#isPaused = true
        break
      }
      this.#handle(untrustedBytes, at, at + size)
      at += size
    }
    return at
  }

  #sizeAt(untrustedBytes: Buffer, at: number): number {
    const size = untrustedBytes.readUInt32LE(at)
    const most = this.#state.messageBytes
    if (size < HEADER_BYTES || size > most) {
      throw new ProtocolError(
        "too-large",
        `A message of ${size} bytes is not within ${HEADER_BYTES} and ${most}`,
      )
    }
    return size
  }

  #hasRoom(): boolean {
    const bytes = this.#state.messageBytes
    return this.#answers.hasRoom(bytes, Math.max(bytes * 2, LEAST_ANSWER_BYTES))
  }

  /** Bytes that the first request in the backlog lacks, or its size does. */
  #missing(): number {
    const { bytes, start, length } = this.#backlog
    return (length < 4 ? 4 : this.#sizeAt(bytes, start)) - length
  }

  #handle(untrustedBytes: Buffer, start: number, end: number): void {
    const type = untrustedBytes[start + 4] ?? 0
    const tag = untrustedBytes.readUInt16LE(start + 5)
    const state = this.#state
    if (!state.isVersioned && type !== MESSAGES.version.type) {
      throw new ProtocolError("out-of-order", `Message ${type} came before the version was agreed on`)
    }
    this.#takeTag(tag, type)
    this.#requests += 1
    state.input.open(untrustedBytes, start + HEADER_BYTES, end)
    state.waitsFor = undefined
    const at = state.output.at
    this.#answers.begin(type + 1, tag)
    try {
      const handler = HANDLERS[type]
      if (handler === undefined) throw unknownMessage(type)
      handler(state)
      state.output.end()
    } catch (error) {
      state.output.abandon()
      if (!(error instanceof FileError)) throw error
      this.#answers.error(tag, error.code)
    }
    if (state.waitsFor !== undefined) this.#answers.wait(at, state.waitsFor)
  }

  #takeTag(tag: number, type: number): void {
    if (tag === NO_TAG) {
      if (type === MESSAGES.version.type) return
      throw new ProtocolError("bad-value", `Message ${type} has no tag`)
    }
    const word = this.#tags[tag >>> 5] ?? 0
    const bit = 1 << (tag & 31)
    if ((word & bit) !== 0) throw new ProtocolError("out-of-order", `Tag ${tag} is in use`)
    this.#tags[tag >>> 5] = word | bit
  }
}

/** Requests have even types; what a later kernel may ask for is refused, and the connection goes on. */
function unknownMessage(type: number): Error {
  if (type % 2 === 0) return new FileError("EOPNOTSUPP")
  return new ProtocolError("unknown-message", `Message ${type} is no request`)
}
