/** Numbers of Linux's interface that are not the same on every architecture. 64-bit little-endian only. */
export interface Abi {
  readonly SO_PEERCRED: number
  readonly SO_ERROR: number
  readonly TIOCSWINSZ: number
  readonly FIONREAD: number
  readonly TCGETS: number
  readonly TCSETS: number
  readonly TIOCSPTLCK: number
  readonly TIOCGPTPEER: number
  readonly RNDADDENTROPY: number
  readonly RNDRESEEDCRNG: number
  readonly TIOCGPTN: number
  readonly SYS_setresgid: number
  readonly SYS_setresuid: number
}

/** Direction bits of an ioctl number: most architectures have two of them, powerpc three. */
interface IoctlEncoding {
  readonly none: number
  readonly read: number
  readonly write: number
}

type Encoded = "TIOCSPTLCK" | "TIOCGPTPEER" | "TIOCGPTN" | "RNDADDENTROPY" | "RNDRESEEDCRNG"

function abi(encoding: IoctlEncoding, differing: Omit<Abi, Encoded>): Abi {
  const ioctl = (direction: number, type: string, number: number, size: number) =>
    direction + size * 0x1_0000 + type.charCodeAt(0) * 0x100 + number
  return {
    ...differing,
    TIOCSPTLCK: ioctl(encoding.write, "T", 0x31, 4),
    TIOCGPTN: ioctl(encoding.read, "T", 0x30, 4),
    TIOCGPTPEER: ioctl(encoding.none, "T", 0x41, 0),
    RNDADDENTROPY: ioctl(encoding.write, "R", 0x03, 8),
    RNDRESEEDCRNG: ioctl(encoding.none, "R", 0x07, 0),
  }
}

const common: IoctlEncoding = { none: 0, read: 0x8000_0000, write: 0x4000_0000 }
const powerpc: IoctlEncoding = { none: 0x2000_0000, read: 0x4000_0000, write: 0x8000_0000 }

const usual = {
  SO_PEERCRED: 17,
  SO_ERROR: 4,
  TIOCSWINSZ: 0x5414,
  FIONREAD: 0x541b,
  TCGETS: 0x5401,
  TCSETS: 0x5402,
}

/** By process.arch. */
export const ABIS: Readonly<Record<string, Abi>> = {
  x64: abi(common, { ...usual, SYS_setresuid: 117, SYS_setresgid: 119 }),
  arm64: abi(common, { ...usual, SYS_setresuid: 147, SYS_setresgid: 149 }),
  ppc64: abi(powerpc, {
    ...{ SO_PEERCRED: 21, SO_ERROR: 4, TIOCSWINSZ: 0x8008_7467, FIONREAD: 0x4004_667f },
    ...{ TCGETS: 0x402c_7413, TCSETS: 0x802c_7414 },
    ...{ SYS_setresuid: 164, SYS_setresgid: 169 },
  }),
}

/** The same everywhere. */
export const LINUX = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  SHUT_WR: 1,
  O_PATH: 0o10000000,
  SOCK_STREAM: 1,
  SOCK_CLOEXEC: 0o2000000,
  SOCK_NONBLOCK: 0o4000,
  SOL_SOCKET: 1,
  SO_SNDBUFFORCE: 32,
  SCM_RIGHTS: 1,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  MSG_CMSG_CLOEXEC: 0x4000_0000,
  MFD_CLOEXEC: 1,
  MFD_ALLOW_SEALING: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  F_DUPFD_CLOEXEC: 1030,
  F_SETPIPE_SZ: 1031,
  SPLICE_F_MOVE: 1,
  SPLICE_F_NONBLOCK: 2,
  F_ADD_SEALS: 1033,
  F_GET_SEALS: 1034,
  LOCK_EX: 2,
  LOCK_NB: 4,
  O_RDWR: 2,
  O_NOCTTY: 0o400,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  POLLHUP: 0x10,
  OPOST: 1,
  CLOCK_REALTIME: 0,
  PR_SET_NO_NEW_PRIVS: 38,
  MS_BIND: 4096,
  SYS_pidfd_open: 434,
  SYS_openat2: 437,
  RESOLVE_NO_XDEV: 1,
  RESOLVE_NO_MAGICLINKS: 2,
  RESOLVE_NO_SYMLINKS: 4,
  RESOLVE_BENEATH: 8,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_REMOVEDIR: 0x200,
  AT_NO_AUTOMOUNT: 0x800,
  AT_EMPTY_PATH: 0x1000,
  F_OFD_GETLK: 36,
  F_OFD_SETLK: 37,
  F_RDLCK: 0,
  F_WRLCK: 1,
  F_UNLCK: 2,
  SEEK_DATA: 3,
  SEEK_HOLE: 4,
  FALLOC_FL_KEEP_SIZE: 1,
  FALLOC_FL_PUNCH_HOLE: 2,
  RLIMIT_NOFILE: 7,
  P_PIDFD: 3,
  WNOHANG: 1,
  WEXITED: 4,
  CLD_EXITED: 1,
  POSIX_SPAWN_SETSIGDEF: 4,
  POSIX_SPAWN_SETSIGMASK: 8,
  POSIX_SPAWN_SETSID: 0x80,
} as const
