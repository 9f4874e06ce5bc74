import { constants } from "node:os"

/*
 * The stream of qubes.Filecopy, little-endian as x86 and arm64 lay it out:
 *
 *   header: u32 name's bytes with its NUL · u32 mode · u64 content's bytes · u32+u32 atime s, ns · u32+u32 mtime s, ns
 *   then the name, then the content (of a symlink: where it points). A directory comes before and again after what
 *   lies in it. A header of zeros ends the stream.
 *
 *   result: u32 error (an errno, or 0) · u32 0 · u64 CRC-32 of all that was read · u32 bytes of the last name · that name
 *
 * Skerry's extension (argument "resume", docs/services.md) has further records: see resume.ts.
 */

export const FILECOPY_LIMITS = {
  /** Bytes of a path: bounds what is held for one entry. The reference takes as many. */
  pathBytes: 16_383,
  /** Bytes of one name in it: what Linux file systems take. */
  nameBytes: 255,
  /** Names of a path: each directory of the current path is held open. */
  depth: 256,
  /** Content up to here is held until it is whole, and then written at once; what is longer comes in pieces. */
  heldBytes: 1024 * 1024,
  /** Symlinks that wait for their directory to be complete, and what they say. */
  linksWaiting: 65_536,
  linksWaitingBytes: 16 * 1024 * 1024,
  /** Files that were interrupted and wait to be continued, of one source. */
  partials: 8,
} as const

export const HEADER_BYTES = 32
export const RESULT_BYTES = 16

/** The reference's number for "the stream ended too early": the sender knows why. */
const LEGAL_EOF = 31_415_926

const { errno } = constants
export const QFILE_ERRNO = {
  "bad-stream": errno.EINVAL,
  "bad-name": errno.EILSEQ,
  "too-long": errno.ENAMETOOLONG,
  "too-deep": errno.ELOOP,
  "bad-link": errno.EILSEQ,
  "bad-type": errno.EINVAL,
  quota: errno.EDQUOT,
  exists: errno.EEXIST,
  cut: LEGAL_EOF,
  "write-failed": errno.EIO,
} as const

export type FilecopyErrorCode =
  | keyof typeof QFILE_ERRNO
  | "read-failed" // at the sender: a file cannot be read, or changed under the copy
  | "peer-failed" // the other side said why
  | "checksum" // what arrived is not what was sent

/** A copy that failed; what was complete before stays. */
export class FilecopyError extends Error {
  override readonly name = "FilecopyError"
  readonly code: FilecopyErrorCode
  /** What the peer is told; an errno of Linux. */
  readonly errno: number
  constructor(
    code: FilecopyErrorCode,
    message: string,
    options?: ErrorOptions & { readonly errno?: number },
  ) {
    super(message, options)
    this.code = code
    this.errno = options?.errno ?? (QFILE_ERRNO as Partial<Record<string, number>>)[code] ?? errno.EIO
  }
}

export interface QfileTime {
  readonly seconds: number
  readonly nanoseconds: number
}

export type EntryKind = "file" | "directory" | "symlink"

export interface QfileHeader {
  /** Bytes of the name as it follows. */
  readonly nameBytes: number
  readonly kind: EntryKind
  /** Only what may be given on: no setuid, setgid, sticky. */
  readonly permissions: number
  readonly contentBytes: number
  readonly accessed: QfileTime
  readonly modified: QfileTime
}

const TYPES: Readonly<Record<EntryKind, number>> = {
  file: 0o100_000,
  directory: 0o040_000,
  symlink: 0o120_000,
}
const TYPE_MASK = 0o170_000

export const END_OF_STREAM = Buffer.alloc(HEADER_BYTES)

export function encodeHeader(header: QfileHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeUInt32LE(header.nameBytes, 0)
  bytes.writeUInt32LE(TYPES[header.kind] | header.permissions, 4)
  bytes.writeBigUInt64LE(BigInt(header.contentBytes), 8)
  bytes.writeUInt32LE(header.accessed.seconds, 16)
  bytes.writeUInt32LE(header.accessed.nanoseconds, 20)
  bytes.writeUInt32LE(header.modified.seconds, 24)
  bytes.writeUInt32LE(header.modified.nanoseconds, 28)
  return bytes
}

/** Undefined: the stream's end. Throws FilecopyError. */
export function decodeHeader(untrustedBytes: Buffer): QfileHeader | undefined {
  const nameBytes = untrustedBytes.readUInt32LE(0)
  if (nameBytes === 0) return undefined
  if (nameBytes > FILECOPY_LIMITS.pathBytes + 1) {
    throw new FilecopyError(
      "too-long",
      `A name of ${nameBytes} bytes came; ${FILECOPY_LIMITS.pathBytes} are allowed`,
    )
  }
  const mode = untrustedBytes.readUInt32LE(4)
  const kind = kindOf(mode)
  const contentBytes = untrustedBytes.readBigUInt64LE(8)
  if (contentBytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FilecopyError("quota", `A file of ${contentBytes} bytes was announced`)
  }
  return {
    nameBytes,
    kind,
    permissions: mode & 0o777,
    contentBytes: Number(contentBytes),
    accessed: decodeTime(untrustedBytes, 16),
    modified: decodeTime(untrustedBytes, 24),
  }
}

function kindOf(mode: number): EntryKind {
  for (const kind of ["file", "directory", "symlink"] as const) {
    if ((mode & TYPE_MASK) === TYPES[kind] && mode <= 0o177_777) return kind
  }
  throw new FilecopyError(
    "bad-type",
    `Something that is neither file, directory nor symlink came (mode ${mode.toString(8)}): devices, sockets and pipes are not copied`,
  )
}

function decodeTime(untrustedBytes: Buffer, at: number): QfileTime {
  const seconds = untrustedBytes.readUInt32LE(at)
  const nanoseconds = untrustedBytes.readUInt32LE(at + 4)
  if (nanoseconds > 999_999_999) {
    throw new FilecopyError("bad-stream", `A time with ${nanoseconds} nanoseconds came`)
  }
  return { seconds, nanoseconds }
}

/** The first part of a result; a last name may follow. */
export interface QfileResult {
  readonly errno: number
  readonly crc32: number
}

export function encodeResult({ errno, crc32 }: QfileResult, lastName: Uint8Array): Buffer {
  const bytes = Buffer.alloc(RESULT_BYTES + 4)
  bytes.writeUInt32LE(errno, 0)
  bytes.writeBigUInt64LE(BigInt(crc32), 8)
  bytes.writeUInt32LE(lastName.length, RESULT_BYTES)
  return Buffer.concat([bytes, lastName])
}

export function decodeResult(untrustedBytes: Buffer): QfileResult {
  return {
    errno: untrustedBytes.readUInt32LE(0),
    // Of more than 32 bits no checksum can be: it will not be the expected one.
    crc32: Number(untrustedBytes.readBigUInt64LE(8)),
  }
}
