import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, writeSync } from "node:fs"
import { getSystemErrorName } from "node:util"
import { shownName } from "./names.ts"
import { FilecopyError } from "./qfile.ts"

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants

/** A file that lies where one is to go. Disposing of it closes it. */
export interface Found extends Disposable {
  readonly descriptor: number
  readonly bytes: number
}

/** Undefined: nothing is there. What is no file (or a symlink) fails with EEXIST. */
export function openFound(path: Buffer): Found | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return undefined
  if (!found.isFile()) throw alreadyThere()
  const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  return {
    descriptor,
    bytes: fstatSync(descriptor).size,
    [Symbol.dispose]: () => closeSync(descriptor),
  }
}

/** Before anything of a long file is read: it could not be put there in the end. */
export function refuseExisting(path: Buffer): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw alreadyThere()
}

const alreadyThere = () =>
  Object.assign(new Error("Something of that name exists"), { code: "EEXIST", errno: -17 })

/** Whether the file at `path` has exactly this content. */
export function hasContent(path: Buffer, content: Buffer): boolean {
  using found = openFound(path)
  if (found === undefined || found.bytes !== content.length) return false
  const bytes = Buffer.alloc(content.length)
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(found.descriptor, bytes, at, bytes.length - at, at)
    if (count === 0) return false
    at += count
  }
  return bytes.equals(content)
}

/** At `position`, or where the descriptor stands. */
export function writeAll(descriptor: number, bytes: Buffer, position?: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(descriptor, bytes, at, bytes.length - at, position === undefined ? null : position + at)
  }
}

/** Failures of the receiver's file system, in the words of a copy. */
export function asFilecopyError(error: unknown, untrustedName: Uint8Array): FilecopyError {
  if (error instanceof FilecopyError) return error
  const { code, errno } = error as NodeJS.ErrnoException
  const name = shownName(untrustedName)
  const options = { cause: error, ...(errno === undefined ? {} : { errno: Math.abs(errno) }) }
  if (code === "EEXIST") {
    return new FilecopyError(
      "exists",
      `Cannot write ${name}: something of that name is there already`,
      options,
    )
  }
  return new FilecopyError("write-failed", `Cannot write ${name}: ${code ?? String(error)}`, options)
}

/** What a receiver's errno means, for people. */
export function describeErrno(errno: number): string {
  switch (errnoName(errno)) {
    case "EEXIST":
      return "something of that name is there already, and nothing is ever overwritten"
    case "EDQUOT":
      return "it is more than the receiver takes"
    case "EILSEQ":
      return "the receiver does not take such a name or symlink (see +allow-all-names)"
    case "EINVAL":
      return "the receiver does not take such a thing"
    case "ENAMETOOLONG":
      return "its name is too long"
    case "ENOSPC":
      return "the receiver's disk is full"
    default:
      return errnoName(errno)
  }
}

/** Of a number that may be anything. */
function errnoName(untrustedErrno: number): string {
  if (untrustedErrno < 1 || untrustedErrno > 4095) return `error ${untrustedErrno}`
  return getSystemErrorName(-untrustedErrno)
}
