/** Reads lines and counted bytes off a stream, holding no more of it than the piece that came last. */
export class PieceReader {
  readonly #untrustedInput: AsyncIterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array(0)

  constructor(untrustedInput: AsyncIterable<Uint8Array>) {
    this.#untrustedInput = untrustedInput[Symbol.asyncIterator]()
  }

  /** Without its line end, byte by byte as Latin-1; cut, without a line end found, where it is longer than `max`. */
  async readLine(max: number): Promise<{ kind: "line" | "cut" | "ended"; text: string }> {
    let text = ""
    while (text.length <= max) {
      if (await this.isAtEnd()) return { kind: "ended", text }
      const byte = this.#piece[0] ?? 0
      this.#piece = this.#piece.subarray(1)
      if (byte === 0x0a) return { kind: "line", text }
      text += String.fromCharCode(byte)
    }
    return { kind: "cut", text }
  }

  /** As many bytes, or fewer where the stream ends: their number is the generator's result. */
  async *readBytes(count: number): AsyncGenerator<Uint8Array, number> {
    let missing = count
    while (missing > 0 && !(await this.isAtEnd())) {
      const taken = this.#piece.subarray(0, missing)
      this.#piece = this.#piece.subarray(taken.length)
      missing -= taken.length
      yield taken
    }
    return count - missing
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const next = await this.#untrustedInput.next()
      if (next.done === true) return true
      this.#piece = next.value
    }
    return false
  }
}
