import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"

/*
 * Calls on files by descriptor, for a server that makes many of them: none throws. What is returned is the call's
 * result, or the negative errno (-2: ENOENT). Names are one component, a byte per character (latin1), and never
 * resolved further than to that one entry: symlinks are not followed, mounts not crossed. Buffers are kept and used
 * again, so a FileCalls belongs to one thread.
 *
 * Calls on a descriptor itself go through /proc/self/fd, where Linux offers no other way for one opened with O_PATH.
 */
export interface FileCalls {
  /** openat2 of one name, beneath: EXDEV for a mount point, ELOOP for a symlink unless opened with O_PATH | O_NOFOLLOW. */
  open(directory: number, name: string, flags: number, mode: number): number
  /** The directory itself, opened anew for reading. */
  openDirectory(directory: number): number
  /** The same file, opened anew. The caller knows that it is no FIFO and no device. */
  reopen(fd: number, flags: number): number
  close(fd: number): number
  /** Fills `target` with a struct statx (STATX_BYTES) of the descriptor's own file, a symlink included. */
  stat(fd: number, target: Uint8Array): number
  statAt(directory: number, name: string, target: Uint8Array): number
  changeMode(fd: number, mode: number): number
  /** Nanoseconds since 1970; "now", or undefined: as it is. */
  setTimes(fd: number, access: FileTime | undefined, modify: FileTime | undefined): number
  truncate(fd: number, size: number): number
  /** Of a descriptor that is open for writing, whatever the file's mode says by now. */
  truncateOpen(fd: number, size: number): number
  makeDirectory(directory: number, name: string, mode: number): number
  makeSymlink(directory: number, name: string, target: string): number
  readSymlink(fd: number, target: Uint8Array): number
  /** Never replaces with RENAME_NOREPLACE in `flags`. */
  rename(from: number, fromName: string, to: number, toName: string, flags: number): number
  /** rmdir with `isDirectory`, else unlink. */
  remove(directory: number, name: string, isDirectory: boolean): number
  /** linux_dirent64s from the descriptor's position on. */
  readDirectory(fd: number, target: Uint8Array): number
  seek(fd: number, offset: bigint): number
  /** Where the next bytes from `offset` on are that are no hole; -ENXIO: there are none. The position changes. */
  seekData(fd: number, offset: number): number
  /** Where the next hole from `offset` on is; there is one at the end of each file. The position changes. */
  seekHole(fd: number, offset: number): number
  read(fd: number, target: Uint8Array, offset: number): number
  write(fd: number, bytes: Uint8Array, offset: number): number
  synchronise(fd: number): number
  synchroniseData(fd: number): number
  /** Everything of the file system that the descriptor is on. */
  synchroniseFileSystem(fd: number): number
  /** Fills `target` with a struct statvfs (STATVFS_BYTES). */
  fileSystem(fd: number, target: Uint8Array): number
  getAttribute(fd: number, name: string, target: Uint8Array): number
  setAttribute(fd: number, name: string, value: Uint8Array, flags: number): number
  /** Names, each with a NUL behind it. */
  listAttributes(fd: number, target: Uint8Array): number
  removeAttribute(fd: number, name: string): number
  /** Gives the space of these bytes back, which read as zeros from then on; the size stays. */
  punchHole(fd: number, offset: number, length: number): number
  /** Has the kernel begin to write these bytes to disk, and does not wait: synchronising takes less time later. */
  startWriting(fd: number, offset: number, length: number): number
  /**
   * Takes a range (`length` 0: to the end) for the descriptor's open file description, in place of what that has of it, or gives it
   * back ("none"). Never waits: -EAGAIN where somebody else has it.
   */
  lockRange(fd: number, kind: RangeLock, start: bigint, length: bigint): number
  /** 1: somebody else's lock is in the way of this one; 0: none is. */
  lockInTheWay(fd: number, kind: "read" | "write", start: bigint, length: bigint): number
  /** The most descriptors that this process may have becomes what it may have at most; returns that. */
  raiseDescriptorLimit(): number
}

export type FileTime = bigint | "now"
export type RangeLock = "read" | "write" | "none"

export const STATX_BYTES = 256
export const STATVFS_BYTES = 112

const PATH_BYTES = 4097
const BILLION = 1_000_000_000n
const EMPTY = Buffer.from("\0")
const DOT = Buffer.from(".\0")

/** Binds everything at once: the native module is loaded here. */
export function fileCalls(libc: Libc): FileCalls {
  const bound = bindAll(libc)
  const done = (result: number) => (result === -1 ? -libc.errno() : result)
  const name = Buffer.allocUnsafeSlow(PATH_BYTES)
  const other = Buffer.allocUnsafeSlow(PATH_BYTES)
  const link = Buffer.allocUnsafeSlow(64)
  const how = new BigUint64Array([0n, 0n, RESOLVE])
  const howBytes = new Uint8Array(how.buffer)
  const howLow = new Uint32Array(how.buffer)
  const times = new BigInt64Array(4)
  const timesBytes = new Uint8Array(times.buffer)
  const limit = new BigUint64Array(2)
  const flock = Buffer.allocUnsafeSlow(FLOCK_BYTES)

  const put = (target: Buffer, text: string) => {
    if (text.length >= PATH_BYTES) throw new RangeError("A name for Linux has at most 4096 bytes")
    target[target.write(text, "latin1")] = 0
    return target
  }
  /** struct flock: type s16, whence s16, start s64 at 8, length s64, process s32 (0 for locks of descriptions). */
  const rangeOf = (kind: RangeLock, start: bigint, length: bigint) => {
    flock.fill(0)
    flock.writeInt16LE(LOCK_TYPES[kind])
    flock.writeBigInt64LE(start, 8)
    flock.writeBigInt64LE(length, 16)
    return flock
  }
  const own = (fd: number) => put(link, `/proc/self/fd/${fd}`)
  const setTime = (index: number, time: FileTime | undefined) => {
    const isTime = typeof time === "bigint"
    // Rounded down: nanoseconds are never negative.
    const nanoseconds = isTime
      ? ((time % BILLION) + BILLION) % BILLION
      : time === "now"
        ? UTIME_NOW
        : UTIME_OMIT
    times[index] = isTime ? (time - nanoseconds) / BILLION : 0n
    times[index + 1] = nanoseconds
  }

  return {
    open(directory, entry, flags, mode) {
      howLow[0] = flags | LINUX.O_CLOEXEC
      howLow[2] = mode
      return done(bound.openat2(LINUX.SYS_openat2, directory, put(name, entry), howBytes, howBytes.length))
    },
    openDirectory: (directory) => done(bound.openat(directory, DOT, LINUX.O_CLOEXEC, 0)),
    reopen: (fd, flags) => done(bound.open(own(fd), flags | LINUX.O_CLOEXEC, 0)),
    close: (fd) => done(bound.close(fd)),
    stat: (fd, target) => done(bound.statx(fd, EMPTY, LINUX.AT_EMPTY_PATH, STATX_BASIC, target)),
    statAt: (directory, entry, target) =>
      done(bound.statx(directory, put(name, entry), NO_FOLLOW, STATX_BASIC, target)),
    changeMode: (fd, mode) => done(bound.chmod(own(fd), mode)),
    setTimes(fd, access, modify) {
      setTime(0, access)
      setTime(2, modify)
      return done(bound.utimensat(fd, EMPTY, timesBytes, LINUX.AT_EMPTY_PATH))
    },
    truncate: (fd, size) => done(bound.truncate(own(fd), size)),
    truncateOpen: (fd, size) => done(bound.ftruncate(fd, size)),
    makeDirectory: (directory, entry, mode) => done(bound.mkdirat(directory, put(name, entry), mode)),
    makeSymlink: (directory, entry, target) =>
      done(bound.symlinkat(put(other, target), directory, put(name, entry))),
    readSymlink: (fd, target) => done(bound.readlinkat(fd, EMPTY, target, target.length)),
    rename: (from, fromName, to, toName, flags) =>
      done(bound.renameat2(from, put(name, fromName), to, put(other, toName), flags)),
    remove: (directory, entry, isDirectory) =>
      done(bound.unlinkat(directory, put(name, entry), isDirectory ? LINUX.AT_REMOVEDIR : 0)),
    readDirectory: (fd, target) => done(bound.getdents64(fd, target, target.length)),
    seek: (fd, offset) => (bound.lseek(fd, offset, 0) === -1 ? -libc.errno() : 0),
    seekData: (fd, offset) => done(bound.lseek(fd, offset, LINUX.SEEK_DATA)),
    seekHole: (fd, offset) => done(bound.lseek(fd, offset, LINUX.SEEK_HOLE)),
    read: (fd, target, offset) => done(bound.pread(fd, target, target.length, offset)),
    write: (fd, bytes, offset) => done(bound.pwrite(fd, bytes, bytes.length, offset)),
    synchronise: (fd) => done(bound.fsync(fd)),
    synchroniseData: (fd) => done(bound.fdatasync(fd)),
    synchroniseFileSystem: (fd) => done(bound.syncfs(fd)),
    fileSystem: (fd, target) => done(bound.fstatvfs(fd, target)),
    getAttribute: (fd, attribute, target) =>
      done(bound.getxattr(own(fd), put(name, attribute), target, target.length)),
    setAttribute: (fd, attribute, value, flags) =>
      done(bound.setxattr(own(fd), put(name, attribute), value, value.length, flags)),
    listAttributes: (fd, target) => done(bound.listxattr(own(fd), target, target.length)),
    removeAttribute: (fd, attribute) => done(bound.removexattr(own(fd), put(name, attribute))),
    punchHole: (fd, offset, length) => done(bound.fallocate(fd, PUNCH_HOLE, offset, length)),
    startWriting: (fd, offset, length) => done(bound.sync_file_range(fd, offset, length, START_WRITING)),
    lockRange: (fd, kind, start, length) =>
      done(bound.fcntl(fd, LINUX.F_OFD_SETLK, rangeOf(kind, start, length))),
    lockInTheWay(fd, kind, start, length) {
      const result = done(bound.fcntl(fd, LINUX.F_OFD_GETLK, rangeOf(kind, start, length)))
      return result < 0 ? result : flock.readInt16LE() === LINUX.F_UNLCK ? 0 : 1
    },
    raiseDescriptorLimit() {
      const bytes = new Uint8Array(limit.buffer)
      const result = done(bound.getrlimit(LINUX.RLIMIT_NOFILE, bytes))
      if (result < 0) return result
      limit[0] = limit[1] ?? 0n
      const raised = done(bound.setrlimit(LINUX.RLIMIT_NOFILE, bytes))
      return raised < 0 ? raised : Number(limit[0])
    },
  }
}

const RESOLVE = BigInt(
  LINUX.RESOLVE_NO_XDEV | LINUX.RESOLVE_NO_MAGICLINKS | LINUX.RESOLVE_NO_SYMLINKS | LINUX.RESOLVE_BENEATH,
)
const NO_FOLLOW = LINUX.AT_SYMLINK_NOFOLLOW | LINUX.AT_NO_AUTOMOUNT
/** Type, mode, links, owner, times, inode, size, blocks. */
const STATX_BASIC = 0x7ff
const PUNCH_HOLE = LINUX.FALLOC_FL_KEEP_SIZE | LINUX.FALLOC_FL_PUNCH_HOLE
/** SYNC_FILE_RANGE_WRITE. */
const START_WRITING = 2
const FLOCK_BYTES = 32
const LOCK_TYPES = { read: LINUX.F_RDLCK, write: LINUX.F_WRLCK, none: LINUX.F_UNLCK } as const
const UTIME_NOW = 0x3fff_ffffn
const UTIME_OMIT = 0x3fff_fffen

const bindAll = (libc: Libc) => ({
  openat2: libc.bind("long syscall(long, int, void *, void *, size_t)"),
  openat: libc.bind("int openat(int, void *, int, int)"),
  open: libc.bind("int open(void *, int, int)"),
  close: libc.bind("int close(int)"),
  statx: libc.bind("int statx(int, void *, int, unsigned int, void *)"),
  chmod: libc.bind("int chmod(void *, unsigned int)"),
  utimensat: libc.bind("int utimensat(int, void *, void *, int)"),
  truncate: libc.bind("int truncate(void *, int64_t)"),
  ftruncate: libc.bind("int ftruncate(int, int64_t)"),
  mkdirat: libc.bind("int mkdirat(int, void *, unsigned int)"),
  symlinkat: libc.bind("int symlinkat(void *, int, void *)"),
  readlinkat: libc.bind("int64_t readlinkat(int, void *, void *, size_t)"),
  renameat2: libc.bind("int renameat2(int, void *, int, void *, unsigned int)"),
  unlinkat: libc.bind("int unlinkat(int, void *, int)"),
  getdents64: libc.bind("int64_t getdents64(int, void *, size_t)"),
  lseek: libc.bind("int64_t lseek(int, int64_t, int)"),
  pread: libc.bind("int64_t pread(int, void *, size_t, int64_t)"),
  pwrite: libc.bind("int64_t pwrite(int, const void *, size_t, int64_t)"),
  fsync: libc.bind("int fsync(int)"),
  fdatasync: libc.bind("int fdatasync(int)"),
  syncfs: libc.bind("int syncfs(int)"),
  fstatvfs: libc.bind("int fstatvfs(int, void *)"),
  getxattr: libc.bind("int64_t getxattr(void *, void *, void *, size_t)"),
  setxattr: libc.bind("int setxattr(void *, void *, void *, size_t, int)"),
  listxattr: libc.bind("int64_t listxattr(void *, void *, size_t)"),
  removexattr: libc.bind("int removexattr(void *, void *)"),
  fallocate: libc.bind("int fallocate(int, int, int64_t, int64_t)"),
  sync_file_range: libc.bind("int sync_file_range(int, int64_t, int64_t, unsigned int)"),
  fcntl: libc.bind("int fcntl(int, int, void *)"),
  getrlimit: libc.bind("int getrlimit(int, void *)"),
  setrlimit: libc.bind("int setrlimit(int, void *)"),
})
