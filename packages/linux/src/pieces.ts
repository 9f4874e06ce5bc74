import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"
import { blocked } from "./poll.ts"

/**
 * A buffer as a list of equal pieces, for files that move no more than one piece in a call of their own (a virtio port
 * reads 4 KiB, and writes 32): the kernel goes from piece to piece for as long as each is filled.
 */
export interface Pieces {
  readonly buffer: Buffer
  readonly pieceBytes: number
  /** Structs iovec: u64 address, u64 bytes. */
  readonly iovecs: Buffer
}

const IOVEC_BYTES = 16

export function pieces(libc: Libc, bytes: number, pieceBytes: number): Pieces {
  const count = Math.ceil(bytes / pieceBytes)
  const buffer = Buffer.allocUnsafeSlow(count * pieceBytes)
  const iovecs = Buffer.alloc(count * IOVEC_BYTES)
  const address = libc.address(buffer)
  for (let index = 0; index < count; index++) {
    iovecs.writeBigUInt64LE(address + BigInt(index * pieceBytes), index * IOVEC_BYTES)
    iovecs.writeBigUInt64LE(BigInt(pieceBytes), index * IOVEC_BYTES + 8)
  }
  return { buffer, pieceBytes, iovecs }
}

/** Bytes read into the buffer's beginning; 0 at the end; undefined where nothing is there yet. */
export function readPieces(
  libc: Libc,
  fd: number,
  { pieceBytes, iovecs, buffer }: Pieces,
): number | undefined {
  const prototype = "int64_t readv(int, void *, int)"
  const count = libc.attempt(prototype, fd, iovecs, buffer.length / pieceBytes)
  return count === -1 ? blocked(libc, "readv") : count
}

/** Bytes taken of those from `start`, where a piece begins, to `end`; undefined where there is no room for any. */
export function writePieces(
  libc: Libc,
  fd: number,
  { pieceBytes, iovecs }: Pieces,
  start: number,
  end: number,
): number | undefined {
  const first = start / pieceBytes
  const last = Math.ceil(end / pieceBytes) - 1
  const lastBytes = last * IOVEC_BYTES + 8
  iovecs.writeUInt32LE(end - last * pieceBytes, lastBytes)
  const prototype = "int64_t writev(int, void *, int)"
  const count = libc.attempt(prototype, fd, iovecs.subarray(first * IOVEC_BYTES), last - first + 1)
  iovecs.writeUInt32LE(pieceBytes, lastBytes)
  return count === -1 ? blocked(libc, "writev") : count
}

/** Makes room for so many bytes on their way out of a socket, where the system lets us. */
export function growSocket(libc: Libc, fd: number, bytes: number): void {
  const value = Buffer.alloc(4)
  value.writeUInt32LE(bytes)
  libc.attempt("int setsockopt(int, int, int, void *, unsigned int)", fd, ...FORCED_BUFFER, value, 4)
}

const FORCED_BUFFER = [LINUX.SOL_SOCKET, LINUX.SO_SNDBUFFORCE] as const
