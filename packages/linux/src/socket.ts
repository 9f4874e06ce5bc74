import { closeSync, openSync } from "node:fs"
import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"
import { LinuxError } from "./linux-error.ts"

/** "waiting": it polls as writable when it is known, and socketError() says how it went. "full": try again later. */
export type Connecting =
  | { readonly kind: "connected" | "waiting"; readonly fd: number }
  | { readonly kind: "full" }

/** Of sockaddr_un: the path with the NUL that ends it. */
const PATH_BYTES = 108
const TYPE = LINUX.SOCK_STREAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK

/**
 * Connects to a Unix socket without waiting; the descriptor never blocks, and is the caller's. "full": as many wait to be
 * accepted as the server allows.
 */
export function connectUnix(libc: Libc, path: string): Connecting {
  if (Buffer.byteLength(path) < PATH_BYTES) return connectTo(libc, LINUX.AF_UNIX, unixAddress(path), path)
  // A path of any length, by the file that it leads to.
  const file = openSync(path, LINUX.O_PATH | LINUX.O_CLOEXEC)
  try {
    return connectTo(libc, LINUX.AF_UNIX, unixAddress(`/proc/self/fd/${file}`), path)
  } finally {
    closeSync(file)
  }
}

/** The same over TCP; `host` is an address. Throws LinuxError "EINVAL" for what is no address. */
export function connectTcp(libc: Libc, host: string, port: number): Connecting {
  const address = internetAddress(libc, host, port)
  return connectTo(libc, address.readUInt16LE(0), address, `${host} port ${port}`)
}

function connectTo(libc: Libc, family: number, address: Buffer, what: string): Connecting {
  const fd = libc.call("int socket(int, int, int)", what, family, TYPE, 0)
  try {
    const result = libc.attempt("int connect(int, const void *, unsigned int)", fd, address, address.length)
    if (result === 0) return { kind: "connected", fd }
    const error = libc.lastError("connect", what)
    if (error.code === "EINPROGRESS") return { kind: "waiting", fd }
    closeSync(fd)
    if (error.code === "EAGAIN") return { kind: "full" }
    throw error
  } catch (error) {
    if (!(error instanceof LinuxError)) closeSync(fd)
    throw error
  }
}

/** What has gone wrong with a socket since it was asked last: an errno's name; undefined: nothing. */
export function socketError(libc: Libc, fd: number): LinuxError | undefined {
  const errno = Buffer.alloc(4)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(errno.length)
  const prototype = "int getsockopt(int, int, int, void *, void *)"
  libc.call(prototype, "SO_ERROR", fd, LINUX.SOL_SOCKET, libc.abi.SO_ERROR, errno, length)
  const number = errno.readInt32LE(0)
  return number === 0 ? undefined : new LinuxError("connect", number, "")
}

/** A listening Unix socket that never blocks; the caller owns it. Its mode is what the umask leaves. */
export function listenUnix(libc: Libc, path: string, backlog: number): number {
  const address = unixAddress(path)
  const fd = libc.call("int socket(int, int, int)", path, LINUX.AF_UNIX, TYPE, 0)
  try {
    libc.call("int bind(int, const void *, unsigned int)", path, fd, address, address.length)
    libc.call("int listen(int, int)", path, fd, backlog)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** The next connection, which never blocks and is the caller's; undefined: none is waiting, or it has gone again. */
export function accept(libc: Libc, fd: number): number | undefined {
  const flags = LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK
  const accepted = libc.attempt("int accept4(int, void *, void *, int)", fd, null, null, flags)
  if (accepted !== -1) return accepted
  const error = libc.lastError("accept4")
  if (error.code !== "EAGAIN" && error.code !== "ECONNABORTED" && error.code !== "EINTR") throw error
  return undefined
}

/** The peer then reads the end. */
export function shutdownWriting(libc: Libc, fd: number): void {
  // A peer that has gone already needs no end.
  if (libc.attempt("int shutdown(int, int)", fd, LINUX.SHUT_WR) === -1) {
    const error = libc.lastError("shutdown")
    if (error.code !== "ENOTCONN") throw error
  }
}

function unixAddress(path: string): Buffer {
  const bytes = Buffer.byteLength(path)
  if (bytes >= PATH_BYTES || path.includes("\0")) {
    throw new RangeError(
      `A socket's path has at most ${PATH_BYTES - 1} bytes and no NUL: ${JSON.stringify(path)}`,
    )
  }
  const address = Buffer.alloc(2 + bytes + 1)
  address.writeUInt16LE(LINUX.AF_UNIX, 0)
  address.write(path, 2)
  return address
}

/*
 * sockaddr_in:  u16 family, u16 port (big-endian), 4 bytes address, 8 bytes 0
 * sockaddr_in6: u16 family, u16 port (big-endian), u32 flow, 16 bytes address, u32 scope
 */
function internetAddress(libc: Libc, host: string, port: number): Buffer {
  const isV6 = host.includes(":")
  const address = Buffer.alloc(isV6 ? 28 : 16)
  const family = isV6 ? LINUX.AF_INET6 : LINUX.AF_INET
  const target = address.subarray(isV6 ? 8 : 4)
  address.writeUInt16LE(family, 0)
  address.writeUInt16BE(port, 2)
  if (libc.attempt("int inet_pton(int, const char *, void *)", family, host, target) !== 1) {
    throw new RangeError(`${JSON.stringify(host)} is no address`)
  }
  return address
}
