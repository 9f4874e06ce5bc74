import { once } from "node:events"
import type { FileHandle } from "node:fs/promises"
import { createDeflate } from "node:zlib"
import { ConvertError } from "./convert-error.ts"
import { CONVERT_LIMITS } from "./limits.ts"

/** A page's picture: 8-bit RGB, row after row from the top. */
export interface PageSize {
  readonly width: number
  readonly height: number
}

/* Numbers of objects: the two of the document, then four for each page. */
const CATALOG = 1
const PAGES = 2
const OBJECTS_BEFORE_PAGES = 2
const OBJECTS_OF_A_PAGE = 4

/**
 * Writes a PDF (ISO 32000-1, section 7.5) of pages that are one picture each: no text, fonts, links, scripts,
 * attachments or metadata, since this writer knows no such thing. Equal pixels make an equal file. Of a large page it
 * holds a piece in memory.
 */
export class PdfWriter {
  readonly #file: FileHandle
  readonly #dpi: number
  /** Of object N at N - 1. */
  readonly #offsets: number[] = []
  #length = 0
  #pageCount = 0

  constructor(file: FileHandle, dpi: number) {
    this.#file = file
    this.#dpi = dpi
  }

  async begin(): Promise<void> {
    // The second line tells transfer programs that this is no text (section 7.5.2).
    await this.#write(Buffer.from("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "latin1"))
  }

  /** `pixels` gives exactly width × height × 3 bytes, or throws. */
  async addPage({ width, height }: PageSize, pixels: AsyncIterable<Uint8Array>): Promise<void> {
    const page = OBJECTS_BEFORE_PAGES + 1 + OBJECTS_OF_A_PAGE * this.#pageCount
    const [contents, picture, pictureLength] = [page + 1, page + 2, page + 3]
    const points = (count: number) => ((count * 72) / this.#dpi).toFixed(3)
    const [across, down] = [points(width), points(height)]
    await this.#object(
      page,
      `<< /Type /Page /Parent ${PAGES} 0 R /MediaBox [0 0 ${across} ${down}] /Resources << /XObject << /P ${picture} 0 R >> >> /Contents ${contents} 0 R >>`,
    )
    const drawing = `${across} 0 0 ${down} 0 0 cm /P Do`
    await this.#object(contents, `<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`)
    const { colours, samples } = await withoutColour(width * height * 3, pixels)
    await this.#begin(picture)
    await this.#text(
      `<< /Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /${colours} /BitsPerComponent 8 /Filter /FlateDecode /Length ${pictureLength} 0 R >>\nstream\n`,
    )
    const streamBytes = await this.#deflated(samples)
    await this.#text("\nendstream\nendobj\n")
    await this.#object(pictureLength, String(streamBytes))
    this.#pageCount += 1
  }

  async end(): Promise<void> {
    const pages = Array.from(
      { length: this.#pageCount },
      (_, index) => OBJECTS_BEFORE_PAGES + 1 + OBJECTS_OF_A_PAGE * index,
    )
    await this.#object(CATALOG, `<< /Type /Catalog /Pages ${PAGES} 0 R >>`)
    await this.#object(
      PAGES,
      `<< /Type /Pages /Kids [${pages.map((number) => `${number} 0 R`).join(" ")}] /Count ${pages.length} >>`,
    )
    const start = this.#length
    const entries = this.#offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`)
    await this.#text(
      `xref\n0 ${entries.length + 1}\n0000000000 65535 f \n${entries.join("")}trailer\n<< /Size ${entries.length + 1} /Root ${CATALOG} 0 R >>\nstartxref\n${start}\n%%EOF\n`,
    )
  }

  async #deflated(pixels: AsyncIterable<Uint8Array>): Promise<number> {
    const before = this.#length
    const deflate = createDeflate({ level: 6 })
    const copying = (async () => {
      for await (const piece of deflate) await this.#write(piece as Uint8Array)
    })()
    // Awaited below: where the pixels fail first, their failure is what counts.
    copying.catch(() => {})
    try {
      for await (const piece of pixels) {
        if (!deflate.write(piece)) await Promise.race([once(deflate, "drain"), copying])
      }
      deflate.end()
      await copying
    } finally {
      deflate.destroy()
    }
    return this.#length - before
  }

  async #object(number: number, text: string): Promise<void> {
    await this.#begin(number)
    await this.#text(`${text}\nendobj\n`)
  }

  async #begin(number: number): Promise<void> {
    this.#offsets[number - 1] = this.#length
    await this.#text(`${number} 0 obj\n`)
  }

  #text(text: string): Promise<void> {
    return this.#write(Buffer.from(text, "latin1"))
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#length += bytes.length
    if (this.#length > CONVERT_LIMITS.resultBytes) {
      throw new ConvertError(
        "bad-render",
        `The pages make a PDF of over ${CONVERT_LIMITS.resultBytes} bytes; a lower --dpi makes a smaller one`,
      )
    }
    await this.#file.writeFile(bytes)
  }
}

/** Pages up to this size are kept whole while it is seen whether they are grey: A4 at 300 dpi. */
const LOOKED_AT_BYTES = 32 * 1024 * 1024

/** Most pages are black on white: one sample for each pixel makes half the file in half the time. */
async function withoutColour(byteCount: number, pixels: AsyncIterable<Uint8Array>) {
  if (byteCount > LOOKED_AT_BYTES) return { colours: "DeviceRGB", samples: pixels }
  const page = new Uint8Array(byteCount)
  let at = 0
  for await (const piece of pixels) {
    page.set(piece, at)
    at += piece.length
  }
  const grey = new Uint8Array(byteCount / 3)
  for (let pixel = 0; pixel < grey.length; pixel++) {
    const red = page[3 * pixel] ?? 0
    if (red !== page[3 * pixel + 1] || red !== page[3 * pixel + 2]) {
      return { colours: "DeviceRGB", samples: inPieces(page) }
    }
    grey[pixel] = red
  }
  return { colours: "DeviceGray", samples: inPieces(grey) }
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
const PIECE_BYTES = 256 * 1024
