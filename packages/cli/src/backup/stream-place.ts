import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { join } from "node:path"
import type { Readable } from "node:stream"
import type { OutputStream } from "../command.ts"
import { write } from "../render/write.ts"
import { openDirectoryPlace, type PlaceOptions } from "./directory-place.ts"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import type { BackupPlace } from "./place.ts"
import { readTar, TAR_END, tarPieces } from "./tar.ts"

/*
 * A backup as one stream: a tar of the files that would lie in a folder, in the order of writing, the manifest last. It
 * is a backup of its own and continues nothing.
 */

/** Onto a stream. What breaks off is seen from the end that is missing: `finish` writes it. */
export class StreamOut implements BackupPlace {
  readonly shown = "the stream"
  readonly #stream: OutputStream
  readonly #written = new Map<string, number>()
  #failure: Error | undefined

  constructor(stream: OutputStream) {
    this.#stream = stream
    stream.on("error", (error: Error) => {
      this.#failure = error
    })
  }

  list(folder: string): Promise<ReadonlyMap<string, number>> {
    const prefix = `${folder}/`
    const own = [...this.#written].filter(([path]) => path.startsWith(prefix))
    return Promise.resolve(new Map(own.map(([path, size]) => [path.slice(prefix.length), size])))
  }

  /** What has gone out cannot be read again, and a backup that was just begun reads nothing. */
  read(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#written.set(path, bytes.length)
    const name = Buffer.from(path)
    // One piece after the other, whole: two packs that are ready at once must not mix.
    const pieces = tarPieces({ path: name, kind: "file", mode: 0o600, modifyTime: 0, content: bytes })
    await this.#send(Buffer.concat(pieces))
  }

  async finish(): Promise<void> {
    await this.#send(TAR_END)
  }

  remove(): Promise<void> {
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  async #send(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) {
      throw new BackupError("io", `Cannot write the backup: ${this.#failure.message}`, {
        cause: this.#failure,
      })
    }
    await write(this.#stream, bytes)
  }
}

const PATH = /^(?:skerry-backup|parts\/[0-9a-f]{64}|manifests\/[0-9]{8})$/
const BLOCK = 512

/** From a stream: its files are laid down below `parent` (as they are, encrypted) and are gone when the place is disposed of. */
export async function openStreamIn(
  input: Readable,
  parent: string,
  options: PlaceOptions,
): Promise<BackupPlace> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const folder = await mkdtemp(join(parent, "backup-"))
  await using owned = new AsyncDisposableStack()
  owned.defer(() => rm(folder, { recursive: true, force: true }))
  const place = owned.use(await openDirectoryPlace(folder, { ...options, access: "write" }))
  await spool(input, place)
  const held = owned.move()
  return {
    shown: "the stream",
    list: (of) => place.list(of),
    read: (path, most) => place.read(path, most),
    write: (path, bytes) => place.write(path, bytes),
    remove: (path) => place.remove(path),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function spool(input: Readable, place: BackupPlace): Promise<void> {
  const bytes = new ByteQueue(input)
  let files = 0
  for (;;) {
    const header = await bytes.take(BLOCK)
    if (header.every((byte) => byte === 0)) return
    // Its length alone; everything else is looked at with the content.
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8)
    if (!(size >= 0 && size <= BACKUP_LIMITS.sealedBytes)) {
      throw new BackupError("not-a-backup", "The stream is no backup: a length in it cannot be")
    }
    const content = await bytes.take(Math.ceil(size / BLOCK) * BLOCK)
    for (const entry of readTar(Buffer.concat([header, content, TAR_END]), "The stream")) {
      const path = Buffer.from(entry.path).toString("latin1")
      if (entry.kind !== "file" || !PATH.test(path)) {
        throw new BackupError(
          "not-a-backup",
          `The stream is no backup: it has ${JSON.stringify(path.slice(0, 100))}`,
        )
      }
      await place.write(path, entry.content)
    }
    files += 1
    if (files > BACKUP_LIMITS.parts) throw new BackupError("too-large", "The stream has too many files")
  }
}

class ByteQueue {
  readonly #chunks: AsyncIterator<Buffer>
  #waiting: Buffer = Buffer.alloc(0)

  constructor(input: Readable) {
    this.#chunks = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  async take(count: number): Promise<Buffer> {
    const pieces = [this.#waiting]
    let length = this.#waiting.length
    while (length < count) {
      const { value, done } = await this.#chunks.next()
      if (done === true) throw new BackupError("damaged", "The stream was cut short: its end is missing")
      pieces.push(value)
      length += value.length
    }
    const all = Buffer.concat(pieces)
    this.#waiting = all.subarray(count)
    return all.subarray(0, count)
  }
}
