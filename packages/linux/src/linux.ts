import {
  type PeerCredentials,
  peerCredentials,
  type ReceivedDescriptors,
  receiveDescriptors,
  sendDescriptors,
  socketPair,
} from "./descriptors.ts"
import { type FileCalls, fileCalls } from "./file-calls.ts"
import { installedKoffi, Libc } from "./libc.ts"
import type { LinuxError } from "./linux-error.ts"
import { addSeals, getSeals, memfdCreate, type Seal, tryLock } from "./memory.ts"
import { growSocket, type Pieces, pieces, readPieces, writePieces } from "./pieces.ts"
import { bytesWaiting, duplicate, isHungUp, pipe } from "./pipe.ts"
import { poll, readAt, readSome, setBlocking, writeAt, writeSome } from "./poll.ts"
import { openPty, passOutputUnchanged, setWindowSize, terminalPath, type WindowSize } from "./pty.ts"
import {
  accept,
  type Connecting,
  connectTcp,
  connectUnix,
  listenUnix,
  shutdownWriting,
  socketError,
} from "./socket.ts"
import { collectChild, openPidfd, type ProcessEnd, type SpawnRequest, spawnProcess } from "./spawn.ts"
import { growPipe, splice } from "./splice.ts"
import * as system from "./system.ts"

/** What Linux can and Node cannot. Every method may throw LinuxError, whose `code` is the errno's name. */
export interface Linux {
  memfdCreate(name: string): number
  addSeals(fd: number, seals: readonly Seal[]): void
  getSeals(fd: number): Seal[]
  /** False: another open file description has the lock. */
  tryLock(fd: number): boolean
  /** Sends at least one byte and descriptors as one message; throws "EAGAIN" rather than wait. */
  sendDescriptors(socketFd: number, bytes: Uint8Array, fds: readonly number[]): void
  /** One message; undefined where none has come yet. The caller owns the descriptors. */
  receiveDescriptors(socketFd: number, maxBytes: number): ReceivedDescriptors | undefined
  peerCredentials(socketFd: number): PeerCredentials
  socketPair(): [number, number]
  /** Without waiting; the descriptor never blocks, and is the caller's. */
  connectUnix(path: string): Connecting
  /** `host` is an address; RangeError for what is none. */
  connectTcp(host: string, port: number): Connecting
  /** How a connection that was waited for went; undefined: it is there. */
  socketError(fd: number): LinuxError | undefined
  /** A listening Unix socket that never blocks. */
  listenUnix(path: string, backlog: number): number
  /** A connection that never blocks; undefined: none is waiting. */
  accept(fd: number): number | undefined
  /** The socket's peer then reads the end. */
  shutdownWriting(fd: number): void
  openPty(size: WindowSize): { master: number; slave: number }
  setWindowSize(fd: number, size: WindowSize): void
  /** Of a terminal's slave, by its master. */
  terminalPath(master: number): string
  /** For the terminal that shows another one, which has done what there is to do already. */
  passOutputUnchanged(fd: number): void
  /** A pipe, close-on-exec. */
  pipe(): { read: number; write: number }
  /** Another descriptor of the same open file, close-on-exec. */
  duplicate(fd: number): number
  /** The other side of a pipe, socket or port has closed. */
  isHungUp(fd: number): boolean
  /** Bytes that can be read from a pipe now. */
  bytesWaiting(fd: number): number
  /** Moves bytes between pipes without waiting: how many; 0 at the end; undefined where nothing can be moved now. */
  splice(from: number, to: number, maxBytes: number): number | undefined
  /** Makes room for so many bytes in a pipe, where the system lets us. */
  growPipe(fd: number, bytes: number): void
  /** Blocks this thread until one of these structs pollfd has something to tell; how many have. -1: without end. */
  poll(pollfds: Uint8Array | Int32Array, count: number, timeoutMs: number): number
  /** Whether reading and writing this descriptor's open file wait. */
  setBlocking(fd: number, isBlocking: boolean): void
  /** Bytes read; 0 at the end; undefined where nothing is there yet. */
  readSome(fd: number, target: Uint8Array): number | undefined
  /** Bytes taken; undefined where there is no room for any. */
  writeSome(fd: number, bytes: Uint8Array): number | undefined
  /** A buffer of at least so many bytes, for readPieces() and writePieces(). */
  pieces(bytes: number, pieceBytes: number): Pieces
  /** As readSome(), for files that give no more than a piece at once. */
  readPieces(fd: number, pieces: Pieces): number | undefined
  /** As writeSome(), of what is from `start`, the beginning of a piece, to `end`. */
  writePieces(fd: number, pieces: Pieces, start: number, end: number): number | undefined
  /** Makes room for so many bytes on their way out of a socket, where the system lets us. */
  growSocket(fd: number, bytes: number): void
  /** Reads from an offset of a file; bytes read. */
  readAt(fd: number, target: Uint8Array, offset: number): number
  /** Writes at an offset of a file; throws where not all was taken. */
  writeAt(fd: number, bytes: Uint8Array, offset: number): void
  /** Starts a process in a session of its own; its pid. */
  spawn(request: SpawnRequest): number
  /** Polls as readable when the process has ended; close-on-exec. */
  openPidfd(pid: number): number
  /** Collects a child that has ended; undefined: it has not. */
  collectChild(pidfd: number): ProcessEnd | undefined
  addEntropy(randomFd: number, bytes: Uint8Array): void
  reseedRandom(randomFd: number): void
  setWallClock(nanoseconds: bigint): void
  setHostName(name: string): void
  bindMount(source: string, target: string): void
  /** This process, and what it starts, has no groups but its own. */
  dropGroups(): void
  forbidNewPrivileges(): void
  /** Calls on files, cheap and many: a new object, which binds them all. */
  fileCalls(): FileCalls
}

/** Loads nothing yet: the native module is loaded at the first call, from `nativePath` or from where npm put it. */
export function openLinux(nativePath?: string): Linux {
  const libc = new Libc(() => nativePath ?? installedKoffi())
  return {
    memfdCreate: (name) => memfdCreate(libc, name),
    addSeals: (fd, seals) => addSeals(libc, fd, seals),
    getSeals: (fd) => getSeals(libc, fd),
    tryLock: (fd) => tryLock(libc, fd),
    sendDescriptors: (socketFd, bytes, fds) => sendDescriptors(libc, socketFd, bytes, fds),
    receiveDescriptors: (socketFd, maxBytes) => receiveDescriptors(libc, socketFd, maxBytes),
    peerCredentials: (socketFd) => peerCredentials(libc, socketFd),
    socketPair: () => socketPair(libc),
    connectUnix: (path) => connectUnix(libc, path),
    connectTcp: (host, port) => connectTcp(libc, host, port),
    socketError: (fd) => socketError(libc, fd),
    listenUnix: (path, backlog) => listenUnix(libc, path, backlog),
    accept: (fd) => accept(libc, fd),
    shutdownWriting: (fd) => shutdownWriting(libc, fd),
    openPty: (size) => openPty(libc, size),
    setWindowSize: (fd, size) => setWindowSize(libc, fd, size),
    terminalPath: (master) => terminalPath(libc, master),
    passOutputUnchanged: (fd) => passOutputUnchanged(libc, fd),
    pipe: () => pipe(libc),
    splice: (from, to, maxBytes) => splice(libc, from, to, maxBytes),
    growPipe: (fd, bytes) => growPipe(libc, fd, bytes),
    poll: (pollfds, count, timeoutMs) => poll(libc, pollfds, count, timeoutMs),
    setBlocking: (fd, isBlocking) => setBlocking(libc, fd, isBlocking),
    readSome: (fd, target) => readSome(libc, fd, target),
    writeSome: (fd, bytes) => writeSome(libc, fd, bytes),
    pieces: (bytes, pieceBytes) => pieces(libc, bytes, pieceBytes),
    readPieces: (fd, target) => readPieces(libc, fd, target),
    writePieces: (fd, source, start, end) => writePieces(libc, fd, source, start, end),
    growSocket: (fd, bytes) => growSocket(libc, fd, bytes),
    readAt: (fd, target, offset) => readAt(libc, fd, target, offset),
    writeAt: (fd, bytes, offset) => writeAt(libc, fd, bytes, offset),
    spawn: (request) => spawnProcess(libc, request),
    openPidfd: (pid) => openPidfd(libc, pid),
    collectChild: (pidfd) => collectChild(libc, pidfd),
    isHungUp: (fd) => isHungUp(libc, fd),
    duplicate: (fd) => duplicate(libc, fd),
    bytesWaiting: (fd) => bytesWaiting(libc, fd),
    addEntropy: (randomFd, bytes) => system.addEntropy(libc, randomFd, bytes),
    reseedRandom: (randomFd) => system.reseedRandom(libc, randomFd),
    setWallClock: (nanoseconds) => system.setWallClock(libc, nanoseconds),
    setHostName: (name) => system.setHostName(libc, name),
    bindMount: (source, target) => system.bindMount(libc, source, target),
    dropGroups: () => system.dropGroups(libc),
    forbidNewPrivileges: () => system.forbidNewPrivileges(libc),
    fileCalls: () => fileCalls(libc),
  }
}
