import { ProtocolError } from "@skerry/wire"
import { RPC_LIMITS } from "./limits.ts"

interface Pending {
  readonly bytes: Uint8Array
  offset: number
  readonly taken: () => void
}

/**
 * The sending end of one byte stream: one write at a time, cut to chunks within the peer's credit.
 *   open ── end() ──▶ ending ── the last byte was taken, then EOF ──▶ ended
 *   any ── discard() ──▶ discarding: writes succeed and go nowhere, no EOF
 */
export class SendStream {
  readonly #wake: () => void
  #mode: "open" | "ending" | "ended" | "discarding" = "open"
  #pending: Pending | undefined
  #endTaken: (() => void) | undefined
  /** What the peer still takes: 0 ≤ credit ≤ windowBytes. */
  #creditBytes: number = RPC_LIMITS.windowBytes
  #totalBytes = 0

  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Bytes that went to the transport since the call began. */
  get totalBytes(): number {
    return this.#totalBytes
  }

  /** Bytes or EOF have not been taken yet. */
  get isBusy(): boolean {
    return this.#pending !== undefined || this.#mode === "ending"
  }

  /** Calls `taken` once all of `bytes` went to the transport; until then nothing else may be written. */
  write(bytes: Uint8Array, taken: () => void): void {
    if (this.#mode !== "open" || bytes.length === 0) {
      taken()
      return
    }
    this.#pending = { bytes, offset: 0, taken }
    if (this.#creditBytes > 0) this.#wake()
  }

  /** Calls `taken` once EOF went to the transport. */
  end(taken: () => void): void {
    if (this.#mode !== "open") {
      taken()
      return
    }
    this.#mode = "ending"
    this.#endTaken = taken
    this.#wake()
  }

  discard(): void {
    this.#mode = "discarding"
    const pending = this.#pending
    const endTaken = this.#endTaken
    this.#pending = undefined
    this.#endTaken = undefined
    pending?.taken()
    endTaken?.()
  }

  /** Throws ProtocolError "credit-exceeded" where the peer gives back more than it got. */
  onCredit(byteCount: number): void {
    if (this.#creditBytes + byteCount > RPC_LIMITS.windowBytes) {
      throw new ProtocolError("credit-exceeded", `Credit of ${byteCount} bytes is more than was sent`)
    }
    this.#creditBytes += byteCount
    if (this.#pending !== undefined) this.#wake()
  }

  /** The next chunk within credit; "eof" once after the last; undefined if there is nothing to send now. */
  take(): Uint8Array | "eof" | undefined {
    const pending = this.#pending
    if (pending === undefined) {
      if (this.#mode !== "ending") return undefined
      this.#mode = "ended"
      this.#endTaken?.()
      this.#endTaken = undefined
      return "eof"
    }
    if (this.#creditBytes === 0) return undefined
    const start = pending.offset
    pending.offset = Math.min(pending.bytes.length, start + RPC_LIMITS.chunkBytes, start + this.#creditBytes)
    this.#creditBytes -= pending.offset - start
    this.#totalBytes += pending.offset - start
    if (pending.offset === pending.bytes.length) {
      this.#pending = undefined
      pending.taken()
    }
    return pending.bytes.subarray(start, pending.offset)
  }
}
