import type { Writable } from "node:stream"
import { crc32 } from "node:zlib"
import type { Replies } from "./replies.ts"

/** Writes at the reader's pace, and sums up what was written. */
export class CountedOutput {
  readonly #output: Writable
  readonly #replies: Replies
  #crc32 = 0
  #wake: () => void = () => {}

  constructor(output: Writable, replies: Replies) {
    this.#output = output
    this.#replies = replies
    const wake = () => this.#wake()
    for (const event of ["drain", "close", "error"]) output.on(event, wake)
    replies.onArrival(wake)
  }

  get crc32(): number {
    return this.#crc32
  }

  startSum(): void {
    this.#crc32 = 0
  }

  /**
   * Resolves when there is room for more, when the peer has replied out of turn, or when nothing more can be written: what the
   * peer said (or that it has gone) shows at the next look at the replies.
   */
  async write(bytes: Buffer): Promise<void> {
    this.#crc32 = crc32(bytes, this.#crc32)
    if (this.#isOver || this.#output.write(bytes)) return
    while (this.#output.writableNeedDrain && !this.#isOver && this.#replies.earlyResult === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  get #isOver(): boolean {
    return this.#output.destroyed || this.#output.writableEnded
  }
}
