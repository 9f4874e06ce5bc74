import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"

/**
 * Moves up to `maxBytes` from one pipe to another without copying or waiting; bytes moved, 0 at the source's end,
 * undefined where the source has nothing or the target no room.
 */
export function splice(libc: Libc, from: number, to: number, maxBytes: number): number | undefined {
  const prototype = "int64_t splice(int, void *, int, void *, size_t, unsigned int)"
  const flags = LINUX.SPLICE_F_MOVE | LINUX.SPLICE_F_NONBLOCK
  const count = libc.attempt(prototype, from, null, to, null, maxBytes, flags)
  if (count !== -1) return count
  const error = libc.lastError("splice")
  if (error.code !== "EAGAIN" && error.code !== "EINTR") throw error
  return undefined
}

/** Makes room for so many bytes in a pipe, where the system lets us; else it stays as it is. */
export function growPipe(libc: Libc, fd: number, bytes: number): void {
  libc.attempt("int fcntl(int, int, ...)", fd, LINUX.F_SETPIPE_SZ, "int", bytes)
}
