import { ProtocolError } from "@skerry/wire"
import { RPC_LIMITS } from "./limits.ts"

/** Takes the bytes of a stream. False: no more until pull(). `null` is the end of the stream. */
export type Sink = (bytes: Uint8Array | null) => boolean

/** Small pieces are gathered in blocks, so that a peer which sends single bytes costs no more than its bytes. */
const BLOCK_BYTES = 16 * 1024
/** Credit goes back in portions: one frame for a quarter of the window. */
const CREDIT_PORTION = RPC_LIMITS.windowBytes / 4

/**
 * The receiving end of one byte stream.
 *   waiting ── pull() ──▶ wanting: bytes go straight to the sink, without a copy
 *   wanting ── the sink returns false ──▶ waiting: bytes are copied into blocks, at most a window of them
 *   either ── discard() ──▶ discarding: bytes are dropped, their credit goes back at once
 */
export class ReceiveStream {
  #sink: Sink = () => false
  readonly #wake: () => void
  #mode: "waiting" | "wanting" | "discarding" = "waiting"
  #blocks: Buffer[] = []
  /** Bytes used of the last block. */
  #tailBytes = 0
  /** What the peer may still send: 0 ≤ window, window + queued + owed = windowBytes. */
  #windowBytes: number = RPC_LIMITS.windowBytes
  /** Consumed, but not yet given back as credit. */
  #owedBytes = 0
  #totalBytes = 0
  #ended: boolean = false
  #endDelivered: boolean = false

  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Bytes that have come since the call began. */
  get totalBytes(): number {
    return this.#totalBytes
  }

  /** Names who takes the bytes; nothing is delivered before the first pull(). */
  attach(sink: Sink): void {
    this.#sink = sink
  }

  /** Throws ProtocolError "credit-exceeded" or "out-of-order". */
  onBytes(untrustedBytes: Uint8Array): void {
    if (this.#ended) throw new ProtocolError("out-of-order", "Stream data came after the stream's end")
    if (untrustedBytes.length > this.#windowBytes) {
      throw new ProtocolError(
        "credit-exceeded",
        `Stream data of ${untrustedBytes.length} bytes came with credit for ${this.#windowBytes}`,
      )
    }
    this.#windowBytes -= untrustedBytes.length
    this.#totalBytes += untrustedBytes.length
    if (this.#mode === "waiting") {
      this.#keep(untrustedBytes)
      return
    }
    this.#consumed(untrustedBytes.length)
    if (this.#mode === "wanting" && untrustedBytes.length > 0) this.#deliver(untrustedBytes)
  }

  onEnd(): void {
    if (this.#ended) throw new ProtocolError("out-of-order", "A stream ended twice")
    this.end()
  }

  /** Ends the stream if it has not ended: the end of its call. */
  end(): void {
    this.#ended = true
    this.#deliverEnd()
  }

  /** The sink can take more. */
  pull(): void {
    if (this.#mode === "discarding") return
    this.#mode = "wanting"
    while (this.#mode === "wanting" && this.#blocks.length > 0) {
      const isTail = this.#blocks.length === 1
      const block = this.#blocks.shift()
      if (block === undefined) return
      const bytes = isTail ? block.subarray(0, this.#tailBytes) : block
      this.#consumed(bytes.length)
      this.#deliver(bytes)
    }
    this.#deliverEnd()
  }

  discard(): void {
    if (this.#mode === "discarding") return
    this.#mode = "discarding"
    let queuedBytes = 0
    for (const block of this.#blocks) queuedBytes += block.length
    if (this.#blocks.length > 0) queuedBytes -= (this.#blocks.at(-1)?.length ?? 0) - this.#tailBytes
    this.#blocks = []
    this.#consumed(queuedBytes)
  }

  /** Credit to give back now, or 0. Calling it gives it back. */
  takeCredit(): number {
    if (this.#owedBytes < CREDIT_PORTION || this.#ended) return 0
    const bytes = this.#owedBytes
    this.#owedBytes = 0
    this.#windowBytes += bytes
    return bytes
  }

  #deliver(bytes: Uint8Array): void {
    // The sink may call back into this object, and may have discarded the stream by the time it returns.
    if (!this.#sink(bytes) && this.#mode === "wanting") this.#mode = "waiting"
  }

  #deliverEnd(): void {
    if (!this.#ended || this.#endDelivered || this.#blocks.length > 0 || this.#mode !== "wanting") return
    this.#endDelivered = true
    this.#sink(null)
  }

  #consumed(byteCount: number): void {
    this.#owedBytes += byteCount
    if (this.#owedBytes >= CREDIT_PORTION && !this.#ended) this.#wake()
  }

  #keep(untrustedBytes: Uint8Array): void {
    let rest = untrustedBytes
    while (rest.length > 0) {
      let tail = this.#blocks.at(-1)
      if (tail === undefined || this.#tailBytes === tail.length) {
        tail = Buffer.allocUnsafeSlow(BLOCK_BYTES)
        this.#blocks.push(tail)
        this.#tailBytes = 0
      }
      const piece = rest.subarray(0, tail.length - this.#tailBytes)
      tail.set(piece, this.#tailBytes)
      this.#tailBytes += piece.length
      rest = rest.subarray(piece.length)
    }
  }
}
