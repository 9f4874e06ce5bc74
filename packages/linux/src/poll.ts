import { constants } from "node:os"
import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"
import { LinuxError } from "./linux-error.ts"

const { EAGAIN, EINTR } = constants.errno

/** Bits of a pollfd's events. The last three are reported whether they were asked for or not. */
export const POLL = { in: 1, out: 4, error: 8, hangUp: 0x10, invalid: 0x20 } as const

/** Bytes of a struct pollfd: i32 fd (negative: not looked at), i16 events, i16 what happened. */
export const POLLFD_BYTES = 8

/** Blocks this thread until something happens or the time is over (-1: never). How many entries have something to tell. */
export function poll(libc: Libc, pollfds: Uint8Array | Int32Array, count: number, timeoutMs: number): number {
  try {
    return libc.call("int poll(void *, unsigned long, int)", "", pollfds, count, timeoutMs)
  } catch (error) {
    if (error instanceof LinuxError && error.code === "EINTR") return 0
    throw error
  }
}

/** Whether reading and writing wait: a property of the open file, which others may share; of a pipe's one side. */
export function setBlocking(libc: Libc, fd: number, isBlocking: boolean): void {
  const flags = libc.call("int fcntl(int, int, ...)", "flags", fd, LINUX.F_GETFL, "int", 0)
  const wanted = isBlocking ? flags & ~LINUX.O_NONBLOCK : flags | LINUX.O_NONBLOCK
  libc.call("int fcntl(int, int, ...)", "O_NONBLOCK", fd, LINUX.F_SETFL, "int", wanted)
}

/** Bytes read; 0 at the end; undefined where nothing is there yet. */
export function readSome(libc: Libc, fd: number, target: Uint8Array): number | undefined {
  const count = libc.attempt("int64_t read(int, void *, size_t)", fd, target, target.length)
  return count === -1 ? blocked(libc, "read") : count
}

/** Bytes taken; undefined where there is no room for any. */
export function writeSome(libc: Libc, fd: number, bytes: Uint8Array): number | undefined {
  const count = libc.attempt("int64_t write(int, const void *, size_t)", fd, bytes, bytes.length)
  return count === -1 ? blocked(libc, "write") : count
}

/** Reads from an offset of a file; bytes read. */
export function readAt(libc: Libc, fd: number, target: Uint8Array, offset: number): number {
  return libc.call("int64_t pread(int, void *, size_t, int64_t)", "", fd, target, target.length, offset)
}

/** Writes at an offset of a file; throws where not all was taken. */
export function writeAt(libc: Libc, fd: number, bytes: Uint8Array, offset: number): void {
  const prototype = "int64_t pwrite(int, const void *, size_t, int64_t)"
  const taken = libc.call(prototype, "", fd, bytes, bytes.length, offset)
  if (taken !== bytes.length) throw new Error(`pwrite took ${taken} of ${bytes.length} bytes`)
}

/** What was not done for want of bytes or room is no error. */
export function blocked(libc: Libc, call: string): undefined {
  const errno = libc.errno()
  if (errno !== EAGAIN && errno !== EINTR) throw new LinuxError(call, errno, "")
}
