import { isUtf8 } from "node:buffer"
import { type Brand, printable, quoted } from "@skerry/model"
import { FILECOPY_LIMITS, FilecopyError } from "./qfile.ts"

/** One name of a path: not empty, not "." or "..", no "/" and no NUL, at most 255 bytes. */
export type NameComponent = Brand<Buffer, "NameComponent">

/** Where a receiver keeps what is not complete yet: no sender may name it. */
export const PARTIALS = Buffer.from(".skerry-partial")

/** For messages: whatever came, quoted and bounded. */
export const shownName = (untrustedName: Uint8Array): string =>
  quoted(Buffer.from(untrustedName.subarray(0, 256)).toString("utf8"))

/**
 * The components of a path as it came. Without `allNames` they are UTF-8 without anything that a terminal obeys or
 * that makes a line read differently from what it says. Throws FilecopyError.
 */
export function parsePath(untrustedName: Buffer, allNames: boolean): readonly NameComponent[] {
  const untrustedPath = untrustedName.at(-1) === 0 ? untrustedName.subarray(0, -1) : untrustedName
  if (untrustedPath.includes(0)) throw badName(untrustedPath, "it contains NUL")
  if (untrustedPath[0] === SLASH) throw badName(untrustedPath, "it is absolute")
  const parts = split(untrustedPath)
  if (parts.length > FILECOPY_LIMITS.depth) {
    throw new FilecopyError(
      "too-deep",
      `Cannot take ${shownName(untrustedPath)}: it is ${parts.length} names deep, ${FILECOPY_LIMITS.depth} are allowed`,
    )
  }
  for (const part of parts) checkComponent(part, untrustedPath, allNames)
  if (parts[0]?.equals(PARTIALS)) throw badName(untrustedPath, "the name is kept for incomplete files")
  return parts as NameComponent[]
}

const SLASH = 0x2f

function split(path: Buffer): Buffer[] {
  const parts: Buffer[] = []
  let start = 0
  for (let at = path.indexOf(SLASH); at !== -1; at = path.indexOf(SLASH, start)) {
    parts.push(path.subarray(start, at))
    start = at + 1
  }
  parts.push(path.subarray(start))
  return parts
}

function checkComponent(part: Buffer, path: Buffer, allNames: boolean): void {
  if (part.length === 0) throw badName(path, "one of its names is empty")
  if (isDot(part) || isDotDot(part)) throw badName(path, 'it contains "." or ".."')
  if (part.length > FILECOPY_LIMITS.nameBytes) {
    throw new FilecopyError(
      "too-long",
      `Cannot take ${shownName(path)}: a name has ${part.length} bytes, ${FILECOPY_LIMITS.nameBytes} are allowed`,
    )
  }
  if (!allNames && !isPlain(part)) {
    throw badName(path, "it contains control or direction characters, or is not UTF-8")
  }
}

const isDot = (part: Buffer) => part.length === 1 && part[0] === 0x2e
const isDotDot = (part: Buffer) => part.length === 2 && part[0] === 0x2e && part[1] === 0x2e

/** Nothing in it is obeyed by a terminal or changes how a line reads. */
function isPlain(bytes: Buffer): boolean {
  if (!isUtf8(bytes)) return false
  const text = bytes.toString("utf8")
  return printable(text) === text
}

const badName = (path: Buffer, why: string) =>
  new FilecopyError("bad-name", `Cannot take ${shownName(path)}: ${why}`)

/**
 * Where a symlink at `path` may point: relative, with ".." only at its beginning, and never above the first directory
 * of its path. So whatever links it leads through, it stays there: ".." after a name would follow a link first.
 */
export function checkLinkTarget(
  path: readonly NameComponent[],
  untrustedTarget: Buffer,
  allNames: boolean,
): void {
  const bad = (why: string) =>
    new FilecopyError(
      "bad-link",
      `Cannot take the symlink ${shownName(Buffer.from(path.join("/")))} to ${shownName(untrustedTarget)}: ${why}`,
    )
  if (untrustedTarget.length === 0) throw bad("it points nowhere")
  if (untrustedTarget.includes(0)) throw bad("it contains NUL")
  if (untrustedTarget[0] === SLASH) throw bad("it is absolute")
  if (!allNames && !isPlain(untrustedTarget)) throw bad("it contains control or direction characters")
  if (path.length < 2) throw bad("it came alone, without a directory that it could stay in")
  // One in a/b may go up to a, not above.
  let levels = path.length - 2
  let isDescending = false
  for (const part of split(untrustedTarget)) {
    if (part.length > FILECOPY_LIMITS.nameBytes) throw bad("one of its names is too long")
    if (part.length === 0 || isDot(part)) continue
    if (!isDotDot(part)) {
      isDescending = true
      continue
    }
    if (isDescending) throw bad('".." may only stand at its beginning')
    levels -= 1
    if (levels < 0) throw bad("it leaves the copied tree")
  }
}
