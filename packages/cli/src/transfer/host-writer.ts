import {
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  futimesSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from "node:fs"
import type { TreeRecord } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { pathOfBytes, shownPath } from "../state/shown-path.ts"

/*
 * Writes what an instance kept into a directory of a person's own. Names, targets and modes were made in a guest, and a
 * program of the host may be at work in the same directory. So nothing is written but below the directory that was opened
 * first, each name is looked up in an open directory and never through a symlink, nothing that exists is opened, and
 * symlinks come last, when nothing is written any more.
 */

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_WRONLY, O_CREAT, O_EXCL } = constants

export const HOST_WRITER_LIMITS = {
  /** Directories in directories: each one that is being filled holds a descriptor open. */
  depth: 512,
  /** Directories and symlinks, which wait for the end in memory. */
  waiting: 2_000_000,
  /** Bytes of their paths and targets: a guest makes long ones as easily as short ones. */
  waitingBytes: 256 * 1024 * 1024,
} as const

type Entry = Extract<TreeRecord, { readonly kind: "entry" }>

interface Place {
  readonly names: readonly Buffer[]
  readonly mode: number
  readonly seconds: number
}

/** A file whose content is coming: 0 ≤ at ≤ size. */
interface Filling {
  readonly descriptor: number
  readonly place: Place
  readonly size: number
  at: number
}

/** What a number holds exactly; the store has no longer ones. */
const MOST_BYTES = BigInt(Number.MAX_SAFE_INTEGER)

export interface Written {
  readonly files: number
  readonly directories: number
  readonly symlinks: number
  readonly bytes: number
}

export class HostWriter implements Disposable {
  readonly #root: number
  readonly #umask: number
  /** The directory that was written to last, and those that lead to it: names and descriptors. */
  readonly #open: { readonly name: Buffer; readonly descriptor: number }[] = []
  readonly #directories: Place[] = []
  readonly #symlinks: (Place & { readonly target: Buffer })[] = []
  #waitingBytes = 0
  readonly #counts = { files: 0, directories: 0, symlinks: 0, bytes: 0 }
  /** Of a single file that is exported: its name here. */
  readonly #rootName: Buffer
  #file: Filling | undefined

  /** Takes over the descriptor of an empty directory. */
  constructor(root: number, rootName: Uint8Array, umask: number) {
    this.#root = root
    this.#rootName = Buffer.from(rootName)
    this.#umask = umask
  }

  get written(): Written {
    return { ...this.#counts }
  }

  /** One record, in the order of the stream. Throws CliError for what may not be, and errors of the system. */
  add(record: TreeRecord): void {
    switch (record.kind) {
      case "piece":
        this.#fill(record.content.length, (file) => this.#writePiece(file, record.content))
        return
      case "hole":
        this.#fill(Number(record.bytes), () => {})
        return
      case "entry":
        this.#closeFile()
        this.#addEntry(record)
        return
      default:
        this.#closeFile()
        this.#finish()
    }
  }

  #addEntry(untrustedEntry: Entry): void {
    const { entryKind, path, mode, modifyTime, size, target } = untrustedEntry
    const isRoot = path.length === 0
    if (isRoot && entryKind === "directory") return // the directory that was named: its mode is the person's
    const names = isRoot ? namesOf(this.#rootName) : namesOf(path)
    // Like those of any new file of this account; bits that give a program its owner's rights never.
    const place = {
      names,
      mode: mode & 0o777 & ~this.#umask,
      seconds: Number(modifyTime / 1_000_000n) / 1000,
    }
    if (entryKind !== "file") this.#expectRoom(path.length + target.length)
    switch (entryKind) {
      case "directory":
        writing(names, () => mkdirSync(this.#pathIn(this.#parentOf(names), names), 0o700))
        this.#directories.push(place)
        return
      case "symlink":
        if (target.length === 0 || target.includes(0)) throw refusedName(names, "its target is none")
        this.#symlinks.push({ ...place, target: Buffer.from(target) })
        return
      default: {
        if (size > MOST_BYTES) throw refusedName(names, `it has ${size} bytes, and a tree has no such files`)
        const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        const descriptor = writing(names, () =>
          openSync(this.#pathIn(this.#parentOf(names), names), flags, 0o600),
        )
        this.#file = { descriptor, place, size: Number(size), at: 0 }
        if (size === 0n) this.#closeFile()
      }
    }
  }

  #expectRoom(bytes: number): void {
    this.#waitingBytes += bytes
    const { waiting, waitingBytes } = HOST_WRITER_LIMITS
    const refuse = (what: string): never => {
      throw new CliError("refused", `${what}: export parts of it with --path`)
    }
    if (this.#directories.length + this.#symlinks.length >= waiting)
      refuse(`More than ${waiting} directories and symlinks`)
    if (this.#waitingBytes > waitingBytes)
      refuse(`Directories and symlinks whose names are longer than ${waitingBytes / 1024 / 1024} MiB`)
  }

  #writePiece({ at, descriptor, place }: Filling, content: Uint8Array): void {
    for (let done = 0; done < content.length; ) {
      const left = content.length - done
      done += writing(place.names, () => writeSync(descriptor, content, done, left, at + done))
    }
  }

  /** The next bytes of the file that came last. */
  #fill(bytes: number, write: (file: Filling) => void): void {
    const file = this.#file
    if (file === undefined || bytes > file.size - file.at) {
      throw new CliError(
        "refused",
        "What the store sent cannot be used: content came that belongs to no file",
      )
    }
    write(file)
    file.at += bytes
    this.#counts.bytes += bytes
    if (file.at === file.size) this.#closeFile()
  }

  #closeFile(): void {
    const file = this.#file
    if (file === undefined) return
    this.#file = undefined
    try {
      if (file.at < file.size) throw refusedName(file.place.names, "its content was cut off")
      // A hole at its end was not written.
      writing(file.place.names, () => ftruncateSync(file.descriptor, file.size))
      fchmodSync(file.descriptor, file.place.mode)
      futimesSync(file.descriptor, file.place.seconds, file.place.seconds)
    } finally {
      closeSync(file.descriptor)
    }
    this.#counts.files += 1
  }

  /** Symlinks, then what directories may have only when nothing is written in them any more: the deepest first. */
  #finish(): void {
    for (const { names, target, seconds } of this.#symlinks.splice(0)) {
      writing(names, () => {
        const path = this.#pathIn(this.#parentOf(names), names)
        symlinkSync(target, path)
        lutimesSync(path, seconds, seconds)
      })
      this.#counts.symlinks += 1
    }
    for (const { names, mode, seconds } of this.#directories.splice(0).reverse()) {
      const descriptor = writing(names, () => openIn(this.#parentOf(names), names.at(-1) ?? Buffer.alloc(0)))
      try {
        fchmodSync(descriptor, mode)
        futimesSync(descriptor, seconds, seconds)
      } finally {
        closeSync(descriptor)
      }
      this.#counts.directories += 1
    }
  }

  /** The open directory that holds the last name. Directories that the path does not lead through are left. */
  #parentOf(names: readonly Buffer[]): number {
    const parents = names.slice(0, -1)
    let common = 0
    while (common < parents.length && common < this.#open.length) {
      if (!this.#open[common]?.name.equals(parents[common] ?? Buffer.alloc(0))) break
      common += 1
    }
    for (const { descriptor } of this.#open.splice(common)) closeSync(descriptor)
    for (const name of parents.slice(common)) {
      this.#open.push({ name, descriptor: openIn(this.#innermost, name) })
    }
    return this.#innermost
  }

  get #innermost(): number {
    return this.#open.at(-1)?.descriptor ?? this.#root
  }

  #pathIn(directory: number, names: readonly Buffer[]): Buffer {
    return nameIn(directory, names.at(-1) ?? Buffer.alloc(0))
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file.descriptor)
    this.#file = undefined
    for (const { descriptor } of this.#open.splice(0)) closeSync(descriptor)
    closeSync(this.#root)
  }
}

const nameIn = (directory: number, name: Buffer) =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])

/** Fails where it is a symlink, or no directory. */
const openIn = (directory: number, name: Buffer) =>
  openSync(nameIn(directory, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)

const NAME_BYTES = 255

/** Names that can only mean something in the directory that they are looked up in. Throws CliError. */
export function namesOf(untrustedPath: Uint8Array): readonly Buffer[] {
  const names: Buffer[] = []
  let rest = Buffer.from(untrustedPath)
  for (let slash = rest.indexOf(0x2f); slash >= 0; slash = rest.indexOf(0x2f)) {
    names.push(rest.subarray(0, slash))
    rest = rest.subarray(slash + 1)
  }
  names.push(rest)
  const isGood = (name: Buffer) =>
    name.length > 0 &&
    name.length <= NAME_BYTES &&
    !name.includes(0) &&
    !/^\.\.?$/.test(name.toString("latin1"))
  if (!names.every(isGood)) throw refusedName(names, "it is no path of names")
  if (names.length <= HOST_WRITER_LIMITS.depth) return names
  throw refusedName(names.slice(0, 16), `it is deeper than ${HOST_WRITER_LIMITS.depth} directories`)
}

const WHY: Readonly<Record<string, string>> = {
  EFBIG: "files of this file system cannot be so long; export the others with --path",
  EEXIST: "something of that name is there",
  ENOENT: "its directory is not there",
  ENOTDIR: "its directory was replaced",
  ELOOP: "its directory was replaced",
}

/** An error of the system names a descriptor; a person wants to know the file. */
function writing<T>(names: readonly Buffer[], write: () => T): T {
  try {
    return write()
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException
    throw code === "" || error instanceof CliError ? error : refusedName(names, WHY[code] ?? code, error)
  }
}

function refusedName(names: readonly Buffer[], why: string, cause?: unknown): CliError {
  const path = names.flatMap((name, at) => (at === 0 ? [name] : [Buffer.from("/"), name]))
  const shown = shownPath(pathOfBytes(Buffer.concat(path).subarray(0, 300)))
  return new CliError("refused", `Cannot write ${shown}: ${why}`, { cause })
}
