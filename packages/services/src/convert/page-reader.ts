import { quoted } from "@skerry/model"
import { ConvertError } from "./convert-error.ts"
import { CONVERT_LIMITS } from "./limits.ts"
import type { PageSize } from "./pdf-writer.ts"
import { PieceReader } from "./piece-reader.ts"

/*
 * What a renderer sends, as qubes.PdfConvert does: the number of pages in decimal digits and a line end; then for each
 * page its width and height in pixels, a space between them, a line end, and width × height × 3 bytes of RGB; then
 * the end of the stream.
 */

/** Reads what a renderer sends, and believes nothing of it. Throws ConvertError "bad-render" or "cut". */
export class PageReader {
  readonly #reader: PieceReader
  #pixelBytes = 0

  constructor(untrustedInput: AsyncIterable<Uint8Array>) {
    this.#reader = new PieceReader(untrustedInput)
  }

  async readPageCount(): Promise<number> {
    const untrustedLine = await this.#readLine("the number of pages")
    const pages = bounded(untrustedLine, CONVERT_LIMITS.pages)
    if (pages !== undefined) return pages
    throw bad(`A document has 1 to ${CONVERT_LIMITS.pages} pages: ${quoted(untrustedLine)} is no such number`)
  }

  async readPageSize(page: number): Promise<PageSize> {
    const untrustedLine = await this.#readLine(`the size of page ${page}`)
    const [first = "", second = "", ...more] = untrustedLine.split(" ")
    const width = bounded(first, CONVERT_LIMITS.sidePixels)
    const height = bounded(second, CONVERT_LIMITS.sidePixels)
    if (width === undefined || height === undefined || more.length > 0) {
      const allowed = `1 to ${CONVERT_LIMITS.sidePixels} pixels`
      throw bad(`Page ${page} has sides of ${allowed}: ${quoted(untrustedLine)} is no such size`)
    }
    this.#pixelBytes += width * height * 3
    if (this.#pixelBytes > CONVERT_LIMITS.pixelBytes) {
      const allowed = `${CONVERT_LIMITS.pixelBytes} are allowed; a lower --dpi makes fewer`
      throw bad(`Up to page ${page} the pages take ${this.#pixelBytes} bytes, ${allowed}`)
    }
    return { width, height }
  }

  /** Exactly the pixels of a page of this size. */
  async *readPixels(page: number, { width, height }: PageSize): AsyncGenerator<Uint8Array> {
    const count = width * height * 3
    const found = yield* this.#reader.readBytes(count)
    if (found < count) throw cut(`Page ${page} ends ${count - found} bytes too early`)
  }

  /** Nothing may follow the last page. */
  async readEnd(): Promise<void> {
    if (!(await this.#reader.isAtEnd())) throw bad("Something follows the last page")
  }

  async #readLine(what: string): Promise<string> {
    const { kind, text } = await this.#reader.readLine(CONVERT_LIMITS.lineBytes)
    if (kind === "line") return text
    throw kind === "ended"
      ? cut(`The stream ends before ${what}`)
      : bad(`${quoted(text)} is too long for ${what}`)
  }
}

const cut = (message: string) => new ConvertError("cut", message)
const bad = (message: string) => new ConvertError("bad-render", message)

/** 1 to `max` in plain digits; undefined for anything else. */
function bounded(untrustedText: string, max: number): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(untrustedText)) return undefined
  const value = Number(untrustedText)
  return value <= max ? value : undefined
}
