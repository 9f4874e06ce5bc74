import { closeSync, constants, ftruncateSync, openSync, unlinkSync } from "node:fs"
import type { Readable, Writable } from "node:stream"
import { ByteSource } from "./byte-source.ts"
import {
  asFilecopyError,
  type Found,
  hasContent,
  openFound,
  refuseExisting,
  writeAll,
} from "./found-files.ts"
import { checkLinkTarget, type NameComponent, parsePath, shownName } from "./names.ts"
import { nameIn, OpenDirectories, setAttributes } from "./open-directories.ts"
import { digestOfStart, type Partial, Partials } from "./partials.ts"
import {
  decodeHeader,
  encodeResult,
  FILECOPY_LIMITS,
  FilecopyError,
  HEADER_BYTES,
  type QfileHeader,
} from "./qfile.ts"
import { type Quota, QuotaMeter } from "./quota.ts"
import { encodeOffer, GREETING, RESUME } from "./resume.ts"

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants

export interface ReceiveOptions {
  /** An open directory, which is taken over: what comes arrives in it, and nowhere else. */
  readonly directory: number
  readonly input: Readable
  readonly replies: Writable
  readonly quota: Quota
  /** Also names with control and direction characters, or not in UTF-8. */
  readonly allNames: boolean
  /** The sender was asked to speak the extended stream. */
  readonly resume: boolean
  /** The sender is a reader service that was asked for it: it needs no greeting. */
  readonly isGreeted?: boolean
  /** Only these may arrive, or what lies in them: a sender that was asked for one file must not bring another. */
  readonly wanted?: ReadonlySet<string>
  /** Content bytes so far, what was there already included, and entries. */
  readonly onProgress?: (bytes: number, entries: number) => void
}

export interface Received {
  readonly bytes: number
  readonly entries: number
}

/**
 * Takes one stream of untrusted files, and tells the sender how it went. Throws FilecopyError: the file that was under
 * way is removed (or kept to be continued, with `resume`), what was complete stays.
 */
export async function receiveFiles(options: ReceiveOptions): Promise<Received> {
  using receiver = new Receiver(options)
  return await receiver.run()
}

class Receiver implements Disposable {
  readonly #options: ReceiveOptions
  readonly #input: ByteSource
  readonly #directories: OpenDirectories
  readonly #partials: Partials
  readonly #meter: QuotaMeter
  #lastName: Buffer = Buffer.alloc(0)
  #bytes = 0

  constructor(options: ReceiveOptions) {
    this.#options = options
    this.#input = new ByteSource(options.input)
    this.#directories = new OpenDirectories(options.directory, options.resume)
    this.#partials = new Partials(options.directory)
    this.#meter = new QuotaMeter(options.quota)
  }

  async run(): Promise<Received> {
    try {
      await this.#greet()
      for (;;) {
        const header = decodeHeader(await this.#input.exactly(HEADER_BYTES))
        if (header === undefined) break
        await this.#receive(header)
      }
      this.#directories.finish()
    } catch (error) {
      const failure = asFilecopyError(error, this.#lastName)
      await this.#reply(encodeResult({ errno: failure.errno, crc32: this.#input.crc32 }, this.#lastName))
      throw failure
    }
    await this.#reply(encodeResult({ errno: 0, crc32: this.#input.crc32 }, this.#lastName))
    return { bytes: this.#bytes, entries: this.#meter.entries }
  }

  async #greet(): Promise<void> {
    if (!this.#options.resume || this.#options.isGreeted) return
    const probe = decodeHeader(await this.#input.exactly(HEADER_BYTES))
    if (probe !== undefined)
      throw new FilecopyError("bad-stream", "The sender did not ask for the extended stream")
    this.#input.startSum()
    await this.#reply(GREETING)
  }

  /** A sender that does not listen any more is no failure of the copy. */
  async #reply(bytes: Buffer): Promise<void> {
    const { replies } = this.#options
    if (replies.destroyed || replies.writableEnded) return
    await new Promise<void>((resolve) => replies.write(bytes, () => resolve()))
  }

  async #receive(header: QfileHeader): Promise<void> {
    const { kind, contentBytes } = header
    const untrustedName = await this.#input.exactly(header.nameBytes)
    this.#lastName = untrustedName.at(-1) === 0 ? untrustedName.subarray(0, -1) : untrustedName
    const path = parsePath(untrustedName, this.#options.allNames)
    this.#refuseUnwanted(path)
    this.#meter.charge(contentBytes)
    switch (kind) {
      case "directory":
        if (contentBytes > 0) throw new FilecopyError("bad-stream", "A directory with content came")
        this.#directories.visit(path, header)
        break
      case "symlink":
        await this.#receiveLink(path, contentBytes)
        break
      case "file":
        await this.#receiveFile(path, header)
        break
      default:
        kind satisfies never
    }
    this.#options.onProgress?.(this.#bytes, this.#meter.entries)
  }

  #refuseUnwanted([first]: readonly NameComponent[]): void {
    const { wanted } = this.#options
    if (wanted === undefined || (first !== undefined && wanted.has(first.toString("utf8")))) return
    throw new FilecopyError("bad-name", `${this.#shown} was not asked for`)
  }

  async #receiveLink(path: readonly NameComponent[], contentBytes: number): Promise<void> {
    if (contentBytes > FILECOPY_LIMITS.pathBytes) {
      throw new FilecopyError("too-long", `A symlink of ${contentBytes} bytes came`)
    }
    const untrustedTarget = await this.#input.exactly(contentBytes)
    checkLinkTarget(path, untrustedTarget, this.#options.allNames)
    this.#directories.addLink(path, untrustedTarget)
  }

  async #receiveFile(path: readonly NameComponent[], header: QfileHeader): Promise<void> {
    const directory = this.#directories.parentOf(path)
    const name = path.at(-1)
    if (name === undefined) return
    if (header.contentBytes >= RESUME.leastBytes) return this.#receiveLong(path, directory, name, header)
    const content = await this.#input.exactly(header.contentBytes)
    this.#writeWhole(directory, name, content, header)
    this.#bytes += content.length
  }

  #writeWhole(directory: number, name: NameComponent, content: Buffer, header: QfileHeader): void {
    const path = nameIn(directory, name)
    let descriptor: number
    try {
      descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code === "EEXIST"
      if (isThere && this.#options.resume && hasContent(path, content)) return
      throw error
    }
    try {
      writeAll(descriptor, content)
      setAttributes(descriptor, header)
    } catch (error) {
      unlinkSync(path)
      throw error
    } finally {
      closeSync(descriptor)
    }
  }

  async #receiveLong(
    path: readonly NameComponent[],
    directory: number,
    name: NameComponent,
    header: QfileHeader,
  ): Promise<void> {
    const { contentBytes } = header
    if (!this.#options.resume) {
      refuseExisting(nameIn(directory, name))
      const partial = this.#partials.open()
      return await this.#fill(partial, 0, contentBytes, () => {
        setAttributes(partial.descriptor, header)
        partial.place(directory, name)
      })
    }
    using found = openFound(nameIn(directory, name))
    if (found !== undefined) return await this.#meet(found, contentBytes)
    const partial = this.#partials.resume(keyOf(path, contentBytes), contentBytes)
    let start: number
    try {
      start = await this.#agreeOnStart(partial.descriptor, partial.offset)
      if (start === 0) ftruncateSync(partial.descriptor, 0)
    } catch (error) {
      partial.drop()
      throw error
    }
    this.#bytes += start
    await this.#fill(partial, start, contentBytes, () => {
      setAttributes(partial.descriptor, header)
      partial.place(directory, name)
    })
  }

  /** A file of that name is there: fine if it is the same one. */
  async #meet(found: Found, contentBytes: number): Promise<void> {
    const isCandidate = found.bytes === contentBytes
    const start = isCandidate ? await this.#agreeOnStart(found.descriptor, contentBytes) : 0
    if (start !== contentBytes)
      throw new FilecopyError("exists", `${this.#shown} exists already and is another file`)
    this.#bytes += contentBytes
  }

  async #agreeOnStart(descriptor: number, has: number): Promise<number> {
    const sha256 = digestOfStart(descriptor, has)
    const offset = sha256 === undefined ? 0 : has
    await this.#reply(encodeOffer({ offset, sha256: sha256 ?? Buffer.alloc(32) }))
    const start = (await this.#input.exactly(RESUME.startBytes)).readBigUInt64LE()
    if (start !== 0n && start !== BigInt(offset)) {
      throw new FilecopyError("bad-stream", `The sender goes on at ${start}, which was not offered`)
    }
    return Number(start)
  }

  async #fill(partial: Partial, start: number, end: number, place: () => void): Promise<void> {
    try {
      for (let at = start; at < end; ) {
        const piece = await this.#input.upTo(end - at)
        writeAll(partial.descriptor, piece, at)
        at += piece.length
        this.#bytes += piece.length
        this.#options.onProgress?.(this.#bytes, this.#meter.entries)
      }
      place()
    } catch (error) {
      partial.drop()
      throw error
    }
  }

  get #shown(): string {
    return shownName(this.#lastName)
  }

  [Symbol.dispose](): void {
    this.#partials[Symbol.dispose]()
    this.#directories[Symbol.dispose]()
  }
}

/** What an interrupted file is found again by. */
const keyOf = (path: readonly NameComponent[], contentBytes: number): Buffer =>
  Buffer.concat([Buffer.from(`${contentBytes}`), ...path.flatMap((name) => [Buffer.from("/"), name])])
