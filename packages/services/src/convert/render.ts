import { createWriteStream } from "node:fs"
import { mkdtemp, open, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Program } from "../program.ts"
import { ConvertError } from "./convert-error.ts"
import { parseDpi } from "./convert-file.ts"
import { type DocumentKind, documentKind, type ImageKind } from "./document-kind.ts"
import { CONVERT_LIMITS } from "./limits.ts"
import { PieceReader } from "./piece-reader.ts"
import { planRuns } from "./render-plan.ts"
import { Tool, type Workplace } from "./tool.ts"

/**
 * The service skerry.Convert, and qubes.PdfConvert: a document on standard input, its pages as page-reader.ts tells on
 * standard output. It belongs into a disposable: whatever the document does to it ends there. The argument is the
 * resolution.
 */
export const renderService: Program = async ({ environment, stdin, stdout }) => {
  const dpi = parseDpi(environment.QREXEC_SERVICE_ARGUMENT || undefined)
  const folder = await mkdtemp(join(tmpdir(), "skerry-convert-"))
  try {
    const path = join(folder, "document")
    await pipeline(stdin, bounded, createWriteStream(path))
    await render(path, await kindOf(path), { folder, searchPath: environment.PATH }, dpi, stdout)
    return 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* bounded(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let byteCount = 0
  for await (const piece of input) {
    byteCount += piece.length
    if (byteCount > CONVERT_LIMITS.documentBytes) {
      throw new ConvertError("usage", `A document has ${CONVERT_LIMITS.documentBytes} bytes at most`)
    }
    yield piece
  }
}

async function kindOf(path: string): Promise<DocumentKind> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1024), 0, 1024, 0)
  const kind = documentKind(buffer.subarray(0, bytesRead))
  if (kind !== undefined) return kind
  throw new ConvertError("unsupported", "It is no PDF, picture or office document")
}

async function render(
  path: string,
  kind: DocumentKind,
  workplace: Workplace,
  dpi: number,
  output: Writable,
): Promise<void> {
  if (kind === "pdf") return renderPdf(path, workplace, dpi, output)
  if (kind === "office") return renderPdf(await officeToPdf(path, workplace), workplace, dpi, output)
  return renderImage(path, kind, workplace, output)
}

async function renderPdf(path: string, workplace: Workplace, dpi: number, output: Writable): Promise<void> {
  await using info = new Tool(
    "pdfinfo",
    ["-f", "1", "-l", String(CONVERT_LIMITS.pages + 1), path],
    "poppler-utils",
    workplace,
  )
  const runs = planRuns(await info.readAll(), dpi)
  const pages = runs.at(-1)?.last ?? 0
  if (pages === 0) throw new ConvertError("render-failed", "It has no pages")
  await write(output, `${pages}\n`)
  for (const { first, last, dpi: fitting } of runs) {
    const args = ["-cropbox", "-r", String(fitting), "-f", String(first), "-l", String(last), path]
    await using tool = new Tool("pdftoppm", args, "poppler-utils", workplace)
    await passOn(tool, first, last, output)
  }
}

async function renderImage(
  path: string,
  kind: ImageKind,
  workplace: Workplace,
  output: Writable,
): Promise<void> {
  // Only a TIFF's pictures are pages; of an animation the first one stands for all.
  const source = `${kind}:${path}${kind === "tiff" ? "" : "[0]"}`
  const side = CONVERT_LIMITS.sidePixels
  const bounds = ["-limit", "Pixels", String(side * side), "-limit", "Memory", "1GB", "-limit", "Disk", "4GB"]
  await using looking = new Tool(
    "gm",
    ["identify", ...bounds, "-format", "x\n", source],
    "graphicsmagick",
    workplace,
  )
  const pages = (await looking.readAll()).split("x").length - 1
  await write(output, `${pages}\n`)
  const shape = [
    "-auto-orient",
    "-background",
    "white",
    ...(kind === "tiff" ? [] : ["-flatten"]),
    "-resize",
    `${side}x${side}>`,
  ]
  await using tool = new Tool(
    "gm",
    ["convert", ...bounds, source, ...shape, "-depth", "8", "ppm:-"],
    "graphicsmagick",
    workplace,
  )
  await passOn(tool, 1, pages, output)
}

async function officeToPdf(path: string, workplace: Workplace): Promise<string> {
  const made = join(workplace.folder, "made")
  const profile = `-env:UserInstallation=file://${workplace.folder}/profile`
  const words = [
    "--headless",
    "--norestore",
    "--nologo",
    profile,
    "--convert-to",
    "pdf",
    "--outdir",
    made,
    path,
  ]
  await using tool = new Tool("soffice", words, "libreoffice", workplace)
  await tool.readAll()
  const [name] = await readdir(made).catch(() => [])
  if (name === undefined) throw new ConvertError("render-failed", "LibreOffice could not read it")
  return join(made, name)
}

/** Pages `first` to `last` from a tool that prints them as PPM (Netpbm's P6), one after the other. */
async function passOn(tool: Tool, first: number, last: number, output: Writable): Promise<void> {
  const reader = new PieceReader(tool.stdout as Readable & AsyncIterable<Uint8Array>)
  for (let page = first; page <= last; page++) {
    const header: string[] = []
    while (header.length < 3) {
      const { kind, text } = await reader.readLine(64)
      if (kind !== "line") {
        await tool.end()
        throw new ConvertError("render-failed", `Page ${page} could not be rendered`)
      }
      if (!text.startsWith("#")) header.push(text)
    }
    const [magic, size = "", depth] = header
    const [width = 0, height = 0] = size.split(" ").map(Number)
    if (magic !== "P6" || depth !== "255") throw new ConvertError("render-failed", `Page ${page} is no RGB`)
    await write(output, `${width} ${height}\n`)
    for await (const piece of reader.readBytes(width * height * 3)) await write(output, piece)
  }
  await tool.end()
}

function write(output: Writable, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => output.write(bytes, (error) => (error ? reject(error) : resolve())))
}
