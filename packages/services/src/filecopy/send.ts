import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import type { Readable, Writable } from "node:stream"
import type { ByteSource } from "./byte-source.ts"
import { CountedOutput } from "./counted-output.ts"
import { describeErrno } from "./found-files.ts"
import { shownName } from "./names.ts"
import { digestOfStart } from "./partials.ts"
import { END_OF_STREAM, encodeHeader, FilecopyError, type QfileHeader, type QfileResult } from "./qfile.ts"
import { Replies } from "./replies.ts"
import { encodeStart, RESUME } from "./resume.ts"
import { type WalkedEntry, walk } from "./walk.ts"

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
const PIECE_BYTES = 128 * 1024

export interface SendOptions {
  /** Host paths, absolute; each arrives under its last name. */
  readonly paths: readonly string[]
  readonly output: Writable
  /** Or what is left of a stream that began with something else. */
  readonly replies: Readable | ByteSource
  /** The peer was asked to speak the extended stream. */
  readonly resume: boolean
  /** The peer asked for these files: no greeting. */
  readonly isGreeted?: boolean
  readonly ignoreSymlinks: boolean
  /** Content bytes so far, what the receiver had already included. */
  readonly onProgress?: (bytes: number) => void
}

export type SendOutcome =
  | { readonly kind: "sent"; readonly bytes: number }
  /** Only with `resume`: the peer knows the plain stream alone, and nothing was sent. */
  | { readonly kind: "plain-peer" }

/**
 * Sends files and trees. Resolves when the receiver has confirmed them; `output` is the caller's to end. Throws
 * FilecopyError: the caller cancels the call.
 */
export async function sendFiles(options: SendOptions): Promise<SendOutcome> {
  const { resume } = options
  const sender = new Sender(options)
  if (resume && options.isGreeted !== true && !(await sender.isGreeted())) return { kind: "plain-peer" }
  for (const path of options.paths) {
    for (const entry of walk(path, options.ignoreSymlinks)) await sender.send(entry)
  }
  return { kind: "sent", bytes: await sender.finish() }
}

class Sender {
  readonly #options: SendOptions
  readonly #output: CountedOutput
  readonly #replies: Replies
  #bytes = 0

  constructor(options: SendOptions) {
    this.#options = options
    this.#replies = new Replies(options.replies)
    this.#output = new CountedOutput(options.output, this.#replies)
  }

  /** False: the peer ended the stream with a result, as the plain one does. */
  async isGreeted(): Promise<boolean> {
    await this.#output.write(END_OF_STREAM)
    this.#output.startSum()
    return await this.#replies.greeting()
  }

  async send(entry: WalkedEntry): Promise<void> {
    try {
      await this.#send(entry)
    } catch (error) {
      if (error instanceof FilecopyError) throw error
      const { code } = error as NodeJS.ErrnoException
      throw new FilecopyError(
        "read-failed",
        `Cannot read ${shownName(entry.shownPath)}: ${code ?? String(error)}`,
        {
          cause: error,
        },
      )
    }
    this.#refuseEarlyResult()
  }

  async #send(entry: WalkedEntry): Promise<void> {
    const { kind } = entry
    if (kind === "file") return await this.#sendFile(entry)
    if (kind === "symlink") {
      await this.#writeHeader(entry, entry.target.length)
      await this.#output.write(entry.target)
      return
    }
    await this.#writeHeader(entry, 0)
  }

  async #sendFile(entry: WalkedEntry): Promise<void> {
    const descriptor = openSync(entry.hostPath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      const found = fstatSync(descriptor)
      if (!found.isFile()) {
        throw new FilecopyError(
          "read-failed",
          `${shownName(entry.shownPath)} was replaced while it was copied`,
        )
      }
      const { size } = found
      await this.#writeHeader(entry, size)
      let start = 0
      if (this.#options.resume && size >= RESUME.leastBytes) {
        start = await this.#agreeOnStart(descriptor, size)
        this.#count(start)
      }
      await this.#sendContent(entry, descriptor, start, size)
    } finally {
      closeSync(descriptor)
    }
  }

  async #agreeOnStart(descriptor: number, size: number): Promise<number> {
    const offer = await this.#replies.offer()
    if (offer.kind === "result") throw this.#failure(offer.result)
    const { offset, sha256 } = offer.offer
    const isOurs = offset > 0 && offset <= size && digestOfStart(descriptor, offset)?.equals(sha256) === true
    const start = isOurs ? offset : 0
    await this.#output.write(encodeStart(start))
    return start
  }

  async #sendContent(entry: WalkedEntry, descriptor: number, start: number, size: number): Promise<void> {
    for (let at = start; at < size; ) {
      // Fresh each time: what was written must not change until the transport took it.
      const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, size - at))
      const count = readSync(descriptor, buffer, 0, buffer.length, at)
      if (count === 0) {
        throw new FilecopyError(
          "read-failed",
          `${shownName(entry.shownPath)} became shorter while it was copied`,
        )
      }
      await this.#output.write(buffer.subarray(0, count))
      this.#refuseEarlyResult()
      at += count
      this.#count(count)
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#options.onProgress?.(this.#bytes)
  }

  async #writeHeader({ kind, sentName, attributes }: WalkedEntry, contentBytes: number): Promise<void> {
    const header: QfileHeader = { ...attributes, kind, contentBytes, nameBytes: sentName.length + 1 }
    await this.#output.write(Buffer.concat([encodeHeader(header), sentName, NUL]))
  }

  /** A result before the end says what went wrong. */
  #refuseEarlyResult(): void {
    const early = this.#replies.earlyResult
    if (early !== undefined) throw this.#failure(early)
  }

  async finish(): Promise<number> {
    await this.#output.write(END_OF_STREAM)
    const result = await this.#replies.result()
    if (result.errno !== 0) throw this.#failure(result)
    if (result.crc32 !== this.#output.crc32) {
      throw new FilecopyError("checksum", "What arrived is not what was sent: the checksums differ")
    }
    return this.#bytes
  }

  #failure({ errno, lastName }: QfileResult & { readonly lastName: Buffer }): FilecopyError {
    const at = lastName.length === 0 ? "" : ` at ${shownName(lastName)}`
    return new FilecopyError("peer-failed", `The receiver ended the copy${at}: ${describeErrno(errno)}`, {
      errno,
    })
  }
}

const NUL = Buffer.alloc(1)
