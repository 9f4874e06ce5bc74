import { statSync } from "node:fs"
import { type FileHandle, open, unlink } from "node:fs/promises"
import { quoted } from "@skerry/model"
import { GpgError } from "./gpg-error.ts"

/** A device or pipe, such as /dev/null, is no file that could be lost. */
export const isFileAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true

/** The file of --output: made at the first byte, and gone again if what fills it fails; a device or pipe is written to. */
export class OutputFile {
  readonly #path: string
  readonly #overwrites: boolean
  #handle: FileHandle | undefined
  constructor(path: string, overwrites: boolean) {
    this.#path = path
    this.#overwrites = overwrites
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#handle ??= await this.#open()
    await this.#handle.writeFile(bytes)
  }

  async finish(isGood: boolean): Promise<void> {
    if (isGood) this.#handle ??= await this.#open()
    if (this.#handle === undefined) return
    await this.#handle.close()
    this.#handle = undefined
    if (!isGood && isFileAt(this.#path)) await unlink(this.#path)
  }

  async #open(): Promise<FileHandle> {
    try {
      const exists = statSync(this.#path, { throwIfNoEntry: false }) !== undefined
      const mayStay = this.#overwrites || (exists && !isFileAt(this.#path))
      return await open(this.#path, mayStay ? "w" : "wx")
    } catch (cause) {
      const why =
        (cause as NodeJS.ErrnoException).code === "EEXIST" ? "it exists; --yes overwrites it" : String(cause)
      throw new GpgError("usage", `Cannot write ${quoted(this.#path)}: ${why}`, { cause })
    }
  }
}
