import { createHash, randomBytes } from "node:crypto"
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs"
import { PARTIALS } from "./names.ts"
import { makeDirectoryIn, nameIn, openDirectoryIn } from "./open-directories.ts"
import { FILECOPY_LIMITS } from "./qfile.ts"

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants

/** A long file on its way: it lies in the partials' directory until it is whole. */
export interface Partial {
  readonly descriptor: number
  /** Bytes that lie there from an earlier try; 0 ≤ offset. */
  readonly offset: number
  /** Puts it where it belongs, where nothing may lie. */
  place(directory: number, name: Uint8Array): void
  /** The copy failed. */
  drop(): void
}

/** Where long files grow: `.skerry-partial` in the receiver's directory, made when it is first needed. */
export class Partials implements Disposable {
  readonly #root: number
  #descriptor: number | undefined

  constructor(root: number) {
    this.#root = root
  }

  /** One that is gone if the copy fails. */
  open(): Partial {
    const name = Buffer.from(`new-${randomBytes(12).toString("hex")}`)
    const descriptor = openSync(
      nameIn(this.#directory(), name),
      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
      0o600,
    )
    return this.#partial(name, descriptor, 0, false)
  }

  /** One that stays if the copy fails, and is found again by `key` (what the file is: its path and size). */
  resume(key: Uint8Array, contentBytes: number): Partial {
    const name = Buffer.from(`of-${createHash("sha256").update(key).digest("hex")}`)
    this.#makeRoom(name)
    const descriptor = openSync(
      nameIn(this.#directory(), name),
      O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK,
      0o600,
    )
    const found = fstatSync(descriptor)
    const offset = found.isFile() && found.size <= contentBytes ? found.size : 0
    if (offset === 0) ftruncateSync(descriptor, 0)
    return this.#partial(name, descriptor, offset, true)
  }

  #partial(name: Buffer, descriptor: number, offset: number, stays: boolean): Partial {
    const path = nameIn(this.#directory(), name)
    return {
      descriptor,
      offset,
      place(directory, finalName) {
        putInPlace(path, nameIn(directory, finalName))
        closeSync(descriptor)
      },
      drop() {
        const isWorthKeeping = stays && fstatSync(descriptor).size > 0
        closeSync(descriptor)
        if (!isWorthKeeping) unlinkSync(path)
      },
    }
  }

  #directory(): number {
    if (this.#descriptor === undefined) {
      makeDirectoryIn(this.#root, PARTIALS)
      this.#descriptor = openDirectoryIn(this.#root, PARTIALS)
    }
    return this.#descriptor
  }

  /** Of more than FILECOPY_LIMITS.partials the oldest go. */
  #makeRoom(wanted: Buffer): void {
    const directory = this.#directory()
    const others: { path: Buffer; modified: number }[] = []
    const listing = opendirSync(`/proc/self/fd/${directory}`)
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
      if (entry.name === wanted.toString() || !entry.name.startsWith("of-")) continue
      const path = nameIn(directory, Buffer.from(entry.name))
      others.push({ path, modified: lstatSync(path).mtimeMs })
    }
    listing.closeSync()
    others.sort((one, other) => other.modified - one.modified)
    for (const { path } of others.slice(FILECOPY_LIMITS.partials - 1)) unlinkSync(path)
  }

  [Symbol.dispose](): void {
    if (this.#descriptor === undefined) return
    closeSync(this.#descriptor)
    try {
      rmdirSync(nameIn(this.#root, PARTIALS))
    } catch (error) {
      // Something waits there to be continued.
      if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? ""))
        throw error
    }
  }
}

/** link() never replaces. Where a file system has no hard links, looking first is the best that can be had. */
function putInPlace(from: Buffer, to: Buffer): void {
  try {
    linkSync(from, to)
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException
    if (!["EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK"].includes(code)) throw error
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) {
      throw Object.assign(new Error("A file of that name exists"), { code: "EEXIST", errno: -17 })
    }
    renameSync(from, to)
    return
  }
  unlinkSync(from)
}

/** The digest of a file's first bytes; undefined where it has fewer. */
export function digestOfStart(descriptor: number, bytes: number): Buffer | undefined {
  const hash = createHash("sha256")
  const buffer = Buffer.allocUnsafe(256 * 1024)
  for (let at = 0; at < bytes; ) {
    const count = readSync(descriptor, buffer, 0, Math.min(buffer.length, bytes - at), at)
    if (count === 0) return undefined
    hash.update(buffer.subarray(0, count))
    at += count
  }
  return hash.digest()
}
