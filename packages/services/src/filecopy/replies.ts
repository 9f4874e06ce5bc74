import type { Readable } from "node:stream"
import { ByteSource } from "./byte-source.ts"
import { decodeResult, FILECOPY_LIMITS, FilecopyError, type QfileResult, RESULT_BYTES } from "./qfile.ts"
import { GREETING, type Offer, RESUME } from "./resume.ts"

export interface FullResult extends QfileResult {
  /** Of the peer: show it quoted. */
  readonly lastName: Buffer
}

type Waiting =
  | { readonly kind: "head"; readonly head: Buffer }
  | { readonly kind: "result"; readonly result: FullResult }
  | { readonly kind: "failed"; readonly error: FilecopyError }

/**
 * What the receiver says, read ahead by one: a failure in the middle of a file must stop the sender. A head whose
 * errno is 0 begins an offer or is the good end; which one, only the sender's place in the stream tells.
 */
export class Replies {
  readonly #input: ByteSource
  #waiting: Waiting | undefined
  #onArrival: () => void = () => {}
  #taker: () => void = () => {}

  constructor(stream: Readable | ByteSource) {
    this.#input = stream instanceof ByteSource ? stream : new ByteSource(stream)
    void this.#readNext()
  }

  onArrival(hear: () => void): void {
    this.#onArrival = hear
  }

  /** A result that came before its time, and is no good one. Throws FilecopyError where the peer has gone. */
  get earlyResult(): FullResult | undefined {
    if (this.#waiting?.kind === "failed") throw this.#waiting.error
    return this.#waiting?.kind === "result" ? this.#waiting.result : undefined
  }

  /** False: a good result came in the greeting's place. */
  async greeting(): Promise<boolean> {
    const waiting = await this.#take()
    if (waiting.kind === "result") return false
    if (!waiting.head.equals(GREETING)) return false
    void this.#readNext()
    return true
  }

  async offer(): Promise<
    | { readonly kind: "offer"; readonly offer: Offer }
    | { readonly kind: "result"; readonly result: FullResult }
  > {
    const waiting = await this.#take()
    if (waiting.kind === "result") return waiting
    const offset = Number(waiting.head.readBigUInt64LE(8))
    const sha256 = await this.#input.exactly(RESUME.offerBytes - RESULT_BYTES)
    void this.#readNext()
    return { kind: "offer", offer: { offset, sha256 } }
  }

  async result(): Promise<FullResult> {
    const waiting = await this.#take()
    if (waiting.kind === "result") return waiting.result
    return { ...decodeResult(waiting.head), lastName: await this.#lastName() }
  }

  async #take(): Promise<Exclude<Waiting, { kind: "failed" }>> {
    while (this.#waiting === undefined) {
      await new Promise<void>((resolve) => {
        this.#taker = resolve
      })
    }
    const waiting = this.#waiting
    if (waiting.kind === "failed") throw waiting.error
    this.#waiting = undefined
    return waiting
  }

  async #readNext(): Promise<void> {
    this.#waiting = undefined
    try {
      const head = await this.#input.exactly(RESULT_BYTES)
      const isFailure = head.readUInt32LE(0) !== 0 && !head.equals(GREETING)
      this.#waiting = isFailure
        ? { kind: "result", result: { ...decodeResult(head), lastName: await this.#lastName() } }
        : { kind: "head", head }
    } catch (error) {
      this.#waiting = {
        kind: "failed",
        error: new FilecopyError(
          "peer-failed",
          "The receiver ended without saying whether the copy is complete",
          {
            cause: error,
          },
        ),
      }
    }
    this.#taker()
    this.#onArrival()
  }

  /** Older peers say none. */
  async #lastName(): Promise<Buffer> {
    try {
      const bytes = (await this.#input.exactly(4)).readUInt32LE()
      return await this.#input.exactly(Math.min(bytes, FILECOPY_LIMITS.pathBytes))
    } catch {
      return Buffer.alloc(0)
    }
  }
}
