import {
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
} from "node:fs"
import type { NameComponent } from "./names.ts"
import { FILECOPY_LIMITS, FilecopyError, type QfileTime } from "./qfile.ts"

/*
 * Node has no openat(): a name in an open directory is reached as /proc/self/fd/N/name, which the kernel resolves from
 * the directory itself, wherever it has been moved or whatever now stands where it was. Only the last name is ever
 * looked up in it, always with O_NOFOLLOW or by a call that does not follow links.
 */

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants

/** The path of `name` in the open directory; good for as long as that is open. */
export const nameIn = (directory: number, name: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])

/** Fails where it is no directory, or a symlink. */
export const openDirectoryIn = (directory: number, name: Uint8Array): number =>
  openSync(nameIn(directory, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)

/** False: something of that name is there already. */
export function makeDirectoryIn(directory: number, name: Uint8Array): boolean {
  try {
    mkdirSync(nameIn(directory, name), 0o700)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

export interface Attributes {
  readonly permissions: number
  readonly accessed: QfileTime
  readonly modified: QfileTime
}

const asNumber = ({ seconds, nanoseconds }: QfileTime) => seconds + nanoseconds / 1e9

/** As the sender has them, but for what this account lets nobody else do with its new files. */
export function setAttributes(descriptor: number, { permissions, accessed, modified }: Attributes): void {
  fchmodSync(descriptor, permissions & ~process.umask())
  futimesSync(descriptor, asNumber(accessed), asNumber(modified))
}

interface OpenDirectory {
  readonly name: NameComponent
  readonly descriptor: number
  /** Made by this copy: whatever else is there keeps its mode and time. */
  readonly isOurs: boolean
  readonly links: { readonly name: NameComponent; readonly target: Buffer }[]
}

/** The directories of the path that is being received, each held open, each with the symlinks that wait for it. */
export class OpenDirectories implements Disposable {
  readonly #root: OpenDirectory
  readonly #open: OpenDirectory[] = []
  #linksWaiting = 0
  #linkBytesWaiting = 0

  readonly #acceptsSame: boolean

  /** Takes the root's descriptor over. With `acceptsSame`, a symlink that is there already and says the same is fine. */
  constructor(root: number, acceptsSame: boolean) {
    this.#acceptsSame = acceptsSame
    this.#root = { name: Buffer.alloc(0) as NameComponent, descriptor: root, isOurs: false, links: [] }
  }

  /** The open directory that holds the path's last name. Directories that the path does not lead through are left. */
  parentOf(path: readonly NameComponent[]): number {
    const parents = path.slice(0, -1)
    let common = 0
    while (common < parents.length && common < this.#open.length) {
      const [parent, open] = [parents[common], this.#open[common]]
      if (parent === undefined || open === undefined || !open.name.equals(parent)) break
      common += 1
    }
    while (this.#open.length > common) this.#leave()
    for (const name of parents.slice(common)) this.#enter(name, false)
    return this.#innermost.descriptor
  }

  /**
   * A directory was named: the first time it is made, or found and gone into; the second time it is complete, and
   * gets what belongs to it.
   */
  visit(path: readonly NameComponent[], attributes: Attributes): void {
    const name = path.at(-1)
    if (name === undefined) throw new FilecopyError("bad-name", "A directory without a name came")
    if (this.#isInnermost(path)) {
      const { descriptor, isOurs } = this.#innermost
      this.#makeLinks(this.#innermost)
      if (isOurs) setAttributes(descriptor, attributes)
      this.#leave()
      return
    }
    const isOurs = makeDirectoryIn(this.parentOf(path), name)
    this.#enter(name, isOurs)
  }

  #isInnermost(path: readonly NameComponent[]): boolean {
    if (path.length < this.#open.length) while (this.#open.length > path.length) this.#leave()
    return path.length === this.#open.length && this.#open.every(({ name }, at) => path[at]?.equals(name))
  }

  /** Made once its directory is complete; its target was checked. */
  addLink(path: readonly NameComponent[], target: Buffer): void {
    this.parentOf(path)
    const name = path.at(-1)
    if (name === undefined) return
    this.#linksWaiting += 1
    this.#linkBytesWaiting += name.length + target.length
    if (
      this.#linksWaiting > FILECOPY_LIMITS.linksWaiting ||
      this.#linkBytesWaiting > FILECOPY_LIMITS.linksWaitingBytes
    ) {
      throw new FilecopyError(
        "quota",
        `More than ${FILECOPY_LIMITS.linksWaiting} symlinks came in directories that are not complete`,
      )
    }
    this.#innermost.links.push({ name, target })
  }

  /** The stream's end: symlinks of whatever was not left yet. */
  finish(): void {
    while (this.#open.length > 0) this.#leave()
  }

  get #innermost(): OpenDirectory {
    return this.#open.at(-1) ?? this.#root
  }

  #enter(name: NameComponent, isOurs: boolean): void {
    const descriptor = openDirectoryIn(this.#innermost.descriptor, name)
    this.#open.push({ name, descriptor, isOurs, links: [] })
  }

  #leave(): void {
    const left = this.#open.at(-1)
    if (left === undefined) return
    this.#makeLinks(left)
    this.#open.pop()
    closeSync(left.descriptor)
  }

  #makeLinks({ descriptor, links }: OpenDirectory): void {
    for (const { name, target } of links.splice(0)) {
      this.#linksWaiting -= 1
      this.#linkBytesWaiting -= name.length + target.length
      this.#makeLink(nameIn(descriptor, name), target)
    }
  }

  #makeLink(path: Buffer, target: Buffer): void {
    try {
      symlinkSync(target, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !this.#acceptsSame) throw error
      if (!saysTheSame(path, target)) throw error
    }
  }

  [Symbol.dispose](): void {
    for (const { descriptor } of this.#open.splice(0)) closeSync(descriptor)
    closeSync(this.#root.descriptor)
  }
}

function saysTheSame(path: Buffer, target: Buffer): boolean {
  try {
    return readlinkSync(path, { encoding: "buffer" }).equals(target)
  } catch {
    // No symlink: the caller's EEXIST says it.
    return false
  }
}
