import type { FileHandle } from "node:fs/promises"
import type { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { printable } from "@skerry/model"
import type { ServiceCall } from "../program.ts"
import { ConvertError } from "./convert-error.ts"
import { CONVERT_LIMITS } from "./limits.ts"
import { PageReader } from "./page-reader.ts"
import { PdfWriter } from "./pdf-writer.ts"

export interface ReceiveOptions {
  /** What to send; read to its end, or destroyed. */
  readonly document: Readable
  readonly dpi: number
  readonly idleMs: number
  readonly totalMs: number
  readonly signal: AbortSignal
  /** 0 of N at first, then as each page is done. */
  onPage(done: number, pages: number): void
}

/** Sends a document to a renderer, and makes a PDF in `file` of the pixels that come back. Ends the call, whatever happens. */
export async function receivePdf(
  call: ServiceCall,
  file: FileHandle,
  options: ReceiveOptions,
): Promise<number> {
  await using watch = new Watch(call, options)
  const complaint = collectComplaint(call.stderr)
  // The renderer may stop reading early: what it sends, or how it ends, tells why.
  const sending = pipeline(options.document, call.stdin).catch(() => {})
  try {
    const pages = await writePages(watch.untrustedPieces(), file, options)
    const exitCode = await call.exitCode
    if (exitCode !== 0) throw new ConvertError("render-failed", `The renderer ended with status ${exitCode}`)
    await sending
    return pages
  } catch (error) {
    watch.throwIfLate()
    if (!(error instanceof ConvertError) || error.code !== "cut") throw error
    // How the call ended says more than that its stream was cut: by a refusal, or in the renderer's own words.
    const exitCode = await call.exitCode
    const said = exitCode === 0 ? "" : printable((await complaint).trim())
    if (said === "") throw error
    throw new ConvertError("render-failed", `It could not be rendered: ${said}`, { cause: error })
  }
}

async function writePages(
  untrustedPieces: AsyncIterable<Uint8Array>,
  file: FileHandle,
  options: ReceiveOptions,
): Promise<number> {
  const reader = new PageReader(untrustedPieces)
  const writer = new PdfWriter(file, options.dpi)
  const pages = await reader.readPageCount()
  options.onPage(0, pages)
  await writer.begin()
  for (let page = 1; page <= pages; page++) {
    const size = await reader.readPageSize(page)
    await writer.addPage(size, reader.readPixels(page, size))
    options.onPage(page, pages)
  }
  await reader.readEnd()
  await writer.end()
  return pages
}

async function collectComplaint(stderr: Readable): Promise<string> {
  let text = ""
  try {
    for await (const chunk of stderr) {
      if (text.length < CONVERT_LIMITS.complaintBytes) text += String(chunk)
    }
  } catch {
    // The call was given up: what it said until then stands.
  }
  return text.slice(0, CONVERT_LIMITS.complaintBytes)
}

/** Gives the call up when it is late, or when nobody wants it any more. */
class Watch implements AsyncDisposable {
  readonly #call: ServiceCall
  readonly #idleMs: number
  readonly #signal: AbortSignal
  readonly #total: NodeJS.Timeout
  #idle: NodeJS.Timeout | undefined
  #late: ConvertError | undefined

  constructor(call: ServiceCall, { idleMs, totalMs, signal }: ReceiveOptions) {
    this.#call = call
    this.#idleMs = idleMs
    this.#signal = signal
    this.#total = setTimeout(() => this.#giveUp(`It took over ${totalMs / 1000} s in all`), totalMs)
    // What breaks is told by the reading side, or by the call's end.
    for (const stream of [call.stdin, call.stdout, call.stderr]) stream.on("error", () => {})
    call.exitCode.catch(() => {})
    signal.addEventListener("abort", this.#onAbort, { once: true })
    this.#restart()
    if (signal.aborted) this.#cancel()
  }

  async *untrustedPieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#call.stdout) {
      this.#restart()
      yield piece as Uint8Array
    }
  }

  throwIfLate(): void {
    this.#signal.throwIfAborted()
    if (this.#late !== undefined) throw this.#late
  }

  readonly #onAbort = () => this.#cancel()

  #restart(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#giveUp(`Nothing came for ${this.#idleMs / 1000} s`), this.#idleMs)
  }

  #giveUp(message: string): void {
    this.#late = new ConvertError("deadline", `The renderer was given up: ${message}`)
    this.#cancel()
  }

  #cancel(): void {
    this.#call.cancel()
    // A call whose other side is stuck may never end its streams.
    this.#call.stdout.destroy(this.#late ?? new ConvertError("deadline", "It was called off"))
    this.#call.stderr.destroy()
    this.#call.stdin.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#total)
    clearTimeout(this.#idle)
    this.#signal.removeEventListener("abort", this.#onAbort)
    this.#cancel()
    await this.#call.exitCode.catch(() => {})
  }
}
