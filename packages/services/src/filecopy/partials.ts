import { createHash, randomBytes } from "node:crypto"
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs"
import { PARTIALS } from "./names.ts"
import { makeDirectoryIn, nameIn, openDirectoryIn } from "./open-directories.ts"
import { putInPlace } from "./put-in-place.ts"
import { FILECOPY_LIMITS } from "./qfile.ts"

/** To make a directory that others remove at the same time. */
const MOST_ATTEMPTS = 10

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
    this.#tidy("")
    return this.#create(Buffer.from(`new.${this.#claim()}`), undefined)
  }

  /** One that stays if the copy fails, and is found again by `key` (what the file is: its path and size). */
  resume(key: Uint8Array, contentBytes: number): Partial {
    const name = `of-${createHash("sha256").update(key).digest("hex")}`
    const kept = Buffer.from(name)
    const claimed = Buffer.from(`${name}.${this.#claim()}`)
    for (const found of this.#tidy(name)) {
      if (!this.#take(found, claimed)) continue
      const descriptor = openSync(nameIn(this.#directory(), claimed), O_RDWR | O_NOFOLLOW | O_NONBLOCK)
      const { size } = fstatSync(descriptor)
      if (size > contentBytes) ftruncateSync(descriptor, 0)
      return this.#partial(claimed, descriptor, size > contentBytes ? 0 : size, kept)
    }
    return this.#create(claimed, kept)
  }

  /** This process is named, so that what it leaves when it is killed can be told from what somebody still writes to. */
  #claim(): string {
    return `${process.pid}.${randomBytes(6).toString("hex")}`
  }

  #create(name: Buffer, kept: Buffer | undefined): Partial {
    for (let attempt = 1; ; attempt++) {
      try {
        const path = nameIn(this.#directory(), name)
        return this.#partial(name, openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), 0, kept)
      } catch (error) {
        // Another receiver found the directory empty and removed it.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === MOST_ATTEMPTS) throw error
        this.#forgetDirectory()
      }
    }
  }

  #forgetDirectory(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  /** Of several who want it, one gets it: nobody else has it open then, and so cannot change it once it is in place. */
  #take(found: string, claimed: Buffer): boolean {
    try {
      renameSync(nameIn(this.#directory(), Buffer.from(found)), nameIn(this.#directory(), claimed))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false
      throw error
    }
  }

  #partial(name: Buffer, descriptor: number, offset: number, kept: Buffer | undefined): Partial {
    const directory = this.#directory()
    const path = nameIn(directory, name)
    return {
      descriptor,
      offset,
      place(finalDirectory, finalName) {
        putInPlace(path, nameIn(finalDirectory, finalName))
        closeSync(descriptor)
      },
      drop() {
        const isKept = kept !== undefined && fstatSync(descriptor).size > 0
        closeSync(descriptor)
        if (isKept) renameSync(path, nameIn(directory, kept))
        else unlinkSync(path)
      },
    }
  }

  #directory(): number {
    for (let attempt = 1; this.#descriptor === undefined; attempt++) {
      makeDirectoryIn(this.#root, PARTIALS)
      try {
        this.#descriptor = openDirectoryIn(this.#root, PARTIALS)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === MOST_ATTEMPTS) throw error
      }
    }
    return this.#descriptor
  }

  /** Removes what nobody will want: of more than FILECOPY_LIMITS.partials the oldest. What is left of `wanted` is the result. */
  #tidy(wanted: string): readonly string[] {
    const directory = this.#directory()
    const found: string[] = []
    const others: { readonly path: Buffer; readonly modified: number }[] = []
    const listing = opendirSync(`/proc/self/fd/${directory}`)
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
      const [name = "", pid] = entry.name.split(".")
      if (pid !== undefined && isAlive(Number(pid))) continue
      const path = nameIn(directory, Buffer.from(entry.name))
      const modified = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs
      // Another receiver tidies up as well.
      if (modified === undefined) continue
      if (name === "new") rmSync(path, { force: true })
      else if (name === wanted) found.push(entry.name)
      else others.push({ path, modified })
    }
    listing.closeSync()
    others.sort((one, other) => other.modified - one.modified)
    for (const { path } of others.slice(FILECOPY_LIMITS.partials - 1)) rmSync(path, { force: true })
    return found
  }

  [Symbol.dispose](): void {
    if (this.#descriptor === undefined) return
    this.#forgetDirectory()
    try {
      rmdirSync(nameIn(this.#root, PARTIALS))
    } catch (error) {
      // Something waits there to be continued.
      if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? ""))
        throw error
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
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
