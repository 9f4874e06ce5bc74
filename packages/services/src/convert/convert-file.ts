import { randomBytes } from "node:crypto"
import { open, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { quoted } from "@skerry/model"
import { putInPlace } from "../filecopy/put-in-place.ts"
import type { ProgramIo } from "../program.ts"
import { ConvertError } from "./convert-error.ts"
import { CONVERT_LIMITS } from "./limits.ts"
import { receivePdf } from "./receive.ts"

export interface ConvertFileOptions {
  readonly openCall: ProgramIo["openCall"]
  /** `@dispvm`, `@dispvm:NAME`. */
  readonly target: string
  /** Of the original, which is only read. */
  readonly path: string
  /** The folder for the copy. */
  readonly outputFolder: string
  readonly dpi: number
  readonly signal: AbortSignal
  readonly idleMs?: number
  readonly totalMs?: number
  onPage(done: number, pages: number): void
}

/** `report.pdf` becomes `report.trusted.pdf`, `photo.png` becomes `photo.png.trusted.pdf`. */
export const trustedName = (path: string) => `${basename(path).replace(/\.pdf$/i, "")}.trusted.pdf`

/** Makes the clean copy of one document; resolves to its path. Where it fails, no file of it is left. */
export async function convertFile(options: ConvertFileOptions): Promise<string> {
  const { path, outputFolder, dpi, signal } = options
  const outputPath = join(outputFolder, trustedName(path))
  const mode = await checkPaths(path, outputPath)
  const partialPath = join(outputFolder, `.${trustedName(path)}.${randomBytes(6).toString("hex")}.partial`)
  const file = await openNew(partialPath, mode)
  try {
    await using original = await open(path, "r")
    const document = original.createReadStream({ autoClose: false })
    const argument = String(dpi)
    const call = await options.openCall({
      target: options.target,
      service: "skerry.Convert",
      argument,
      signal,
    })
    const { idleMs = CONVERT_LIMITS.idleMs, totalMs = CONVERT_LIMITS.totalMs, onPage } = options
    await receivePdf(call, file, { document, dpi, idleMs, totalMs, signal, onPage })
    await file.sync()
    // Never takes the place of a file that came meanwhile.
    putInPlace(partialPath, outputPath)
    return outputPath
  } finally {
    await file.close()
    await rm(partialPath, { force: true })
  }
}

/** Resolves to the original's access bits: the copy is as private as it. */
async function checkPaths(path: string, outputPath: string): Promise<number> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ConvertError("usage", `Cannot read it: ${reasonOf(cause)}`, { cause })
  })
  if (!found.isFile()) throw new ConvertError("usage", `${quoted(path)} is no ordinary file`)
  if (found.size > CONVERT_LIMITS.documentBytes) {
    throw new ConvertError(
      "usage",
      `${quoted(path)} has ${found.size} bytes, ${CONVERT_LIMITS.documentBytes} are allowed`,
    )
  }
  if ((await stat(outputPath).catch(() => undefined)) !== undefined) {
    throw new ConvertError(
      "usage",
      `${quoted(outputPath)} exists already: remove it, or choose another folder by --out`,
    )
  }
  return found.mode & 0o666
}

async function openNew(path: string, mode: number) {
  try {
    return await open(path, "wx", mode)
  } catch (cause) {
    const why = reasonOf(cause as NodeJS.ErrnoException)
    throw new ConvertError("usage", `Cannot write to ${quoted(dirname(path), 200)}: ${why}`, { cause })
  }
}

const reasonOf = ({ code, message }: NodeJS.ErrnoException) =>
  code === "ENOENT" ? "it does not exist" : (code ?? message)

/** A resolution from a command line; throws ConvertError "usage". */
export function parseDpi(text: string | undefined): number {
  if (text === undefined) return CONVERT_LIMITS.dpi
  const dpi = Number(text)
  if (/^[0-9]{1,4}$/.test(text) && dpi >= CONVERT_LIMITS.leastDpi && dpi <= CONVERT_LIMITS.mostDpi) return dpi
  const { leastDpi, mostDpi } = CONVERT_LIMITS
  throw new ConvertError(
    "usage",
    `A resolution is a number from ${leastDpi} to ${mostDpi}, not ${quoted(text)}`,
  )
}
