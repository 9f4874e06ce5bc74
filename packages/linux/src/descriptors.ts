import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"
import { LinuxError } from "./linux-error.ts"

/** Descriptors in one message: Linux itself takes at most 253. */
export const MAX_DESCRIPTORS = 16

export interface ReceivedDescriptors {
  readonly untrustedBytes: Uint8Array
  /** Close-on-exec; the caller owns them. */
  readonly descriptors: readonly number[]
}

/*
 * struct msghdr, 64-bit            struct cmsghdr
 *  0 name      8 namelen            0 length of header and data
 * 16 iov      24 iovlen             8 level  12 type
 * 32 control  40 controllen        16 data
 * 48 flags
 */
const MSGHDR_BYTES = 56
const CMSG_HEADER_BYTES = 16
const FD_BYTES = 4

interface Message {
  readonly header: Buffer
  /** Everything that the header points to: must stay reachable during the call. */
  readonly parts: readonly Uint8Array[]
}

function message(libc: Libc, bytes: Uint8Array, control: Uint8Array): Message {
  const iov = Buffer.alloc(16)
  iov.writeBigUInt64LE(libc.address(bytes), 0)
  iov.writeBigUInt64LE(BigInt(bytes.length), 8)
  const header = Buffer.alloc(MSGHDR_BYTES)
  header.writeBigUInt64LE(libc.address(iov), 16)
  header.writeBigUInt64LE(1n, 24)
  header.writeBigUInt64LE(libc.address(control), 32)
  header.writeBigUInt64LE(BigInt(control.length), 40)
  return { header, parts: [bytes, control, iov] }
}

const align = (byteCount: number) => Math.ceil(byteCount / 8) * 8

/** Sends bytes (at least one, few enough to be sent whole) and descriptors as one message. Does not wait: "EAGAIN". */
export function sendDescriptors(
  libc: Libc,
  socketFd: number,
  bytes: Uint8Array,
  fds: readonly number[],
): void {
  if (fds.length === 0 || fds.length > MAX_DESCRIPTORS || bytes.length === 0) {
    throw new RangeError(`A message takes 1 to ${MAX_DESCRIPTORS} descriptors and at least one byte`)
  }
  const dataBytes = CMSG_HEADER_BYTES + fds.length * FD_BYTES
  const control = Buffer.alloc(align(dataBytes))
  control.writeBigUInt64LE(BigInt(dataBytes), 0)
  control.writeInt32LE(LINUX.SOL_SOCKET, 8)
  control.writeInt32LE(LINUX.SCM_RIGHTS, 12)
  fds.forEach((fd, index) => {
    control.writeInt32LE(fd, CMSG_HEADER_BYTES + index * FD_BYTES)
  })
  const { header, parts } = message(libc, bytes, control)
  const flags = LINUX.MSG_NOSIGNAL | LINUX.MSG_DONTWAIT
  const sent = libc.call("int64_t sendmsg(int, void *, int)", "descriptors", socketFd, header, flags)
  if (sent !== parts[0]?.length) throw new Error(`sendmsg took ${sent} of ${bytes.length} bytes`)
}

/**
 * Receives what one sendDescriptors() sent, at most `maxBytes` of its bytes. Does not wait: undefined where nothing
 * has come yet. No bytes: the peer has closed. More than MAX_DESCRIPTORS are refused, and closed by the kernel.
 */
export function receiveDescriptors(
  libc: Libc,
  socketFd: number,
  maxBytes: number,
): ReceivedDescriptors | undefined {
  const bytes = Buffer.alloc(maxBytes)
  const control = Buffer.alloc(align(CMSG_HEADER_BYTES + MAX_DESCRIPTORS * FD_BYTES))
  const { header, parts } = message(libc, bytes, control)
  const flags = LINUX.MSG_CMSG_CLOEXEC | LINUX.MSG_DONTWAIT
  let received: number
  try {
    received = libc.call("int64_t recvmsg(int, void *, int)", "descriptors", socketFd, header, flags)
  } catch (error) {
    if (error instanceof LinuxError && error.code === "EAGAIN") return undefined
    throw error
  }
  const controlBytes = Number(header.readBigUInt64LE(40))
  const descriptors = parts[1] === undefined ? [] : readRights(control.subarray(0, controlBytes))
  return { untrustedBytes: bytes.subarray(0, received), descriptors }
}

/** The kernel writes the control messages: they are well-formed. */
function readRights(control: Buffer): number[] {
  const fds: number[] = []
  let offset = 0
  while (offset + CMSG_HEADER_BYTES <= control.length) {
    const length = Number(control.readBigUInt64LE(offset))
    const level = control.readInt32LE(offset + 8)
    const type = control.readInt32LE(offset + 12)
    if (level === LINUX.SOL_SOCKET && type === LINUX.SCM_RIGHTS) {
      const end = Math.min(offset + length, control.length)
      for (let at = offset + CMSG_HEADER_BYTES; at + FD_BYTES <= end; at += FD_BYTES) {
        fds.push(control.readInt32LE(at))
      }
    }
    offset += Math.max(align(length), CMSG_HEADER_BYTES)
  }
  return fds
}

export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** Who made the other end of a connected Unix socket. */
export function peerCredentials(libc: Libc, socketFd: number): PeerCredentials {
  const ucred = Buffer.alloc(12)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(ucred.length)
  const prototype = "int getsockopt(int, int, int, void *, void *)"
  libc.call(prototype, "SO_PEERCRED", socketFd, LINUX.SOL_SOCKET, libc.abi.SO_PEERCRED, ucred, length)
  return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) }
}

/** Two connected Unix stream sockets, close-on-exec. */
export function socketPair(libc: Libc): [number, number] {
  const fds = Buffer.alloc(8)
  const type = LINUX.SOCK_STREAM | LINUX.SOCK_CLOEXEC
  libc.call("int socketpair(int, int, int, void *)", "", LINUX.AF_UNIX, type, 0, fds)
  return [fds.readInt32LE(0), fds.readInt32LE(4)]
}
