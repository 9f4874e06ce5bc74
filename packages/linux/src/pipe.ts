import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"

/** A pipe, both ends close-on-exec; the caller owns them. */
export function pipe(libc: Libc): { read: number; write: number } {
  const fds = Buffer.alloc(8)
  libc.call("int pipe2(void *, int)", "", fds, LINUX.O_CLOEXEC)
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) }
}

/** The other side has closed, by poll. */
export function isHungUp(libc: Libc, fd: number): boolean {
  const pollfd = Buffer.alloc(8)
  pollfd.writeInt32LE(fd, 0)
  libc.call("int poll(void *, unsigned long, int)", "", pollfd, 1, 0)
  return (pollfd.readInt16LE(6) & LINUX.POLLHUP) !== 0
}

/** Another descriptor of the same open file, close-on-exec; the caller owns it. */
export function duplicate(libc: Libc, fd: number): number {
  return libc.call("int fcntl(int, int, ...)", "F_DUPFD_CLOEXEC", fd, LINUX.F_DUPFD_CLOEXEC, "int", 3)
}

/** Bytes that can be read from `fd` now. */
export function bytesWaiting(libc: Libc, fd: number): number {
  const count = Buffer.alloc(4)
  libc.ioctl(fd, libc.abi.FIONREAD, "FIONREAD", ["void *", count])
  return count.readInt32LE(0)
}
