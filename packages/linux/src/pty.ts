import { closeSync, constants, openSync } from "node:fs"
import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"

export interface WindowSize {
  readonly rows: number
  readonly columns: number
}

/** Both ends of a new pseudo-terminal, close-on-exec; the caller owns them. */
export function openPty(libc: Libc, size: WindowSize): { master: number; slave: number } {
  const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY)
  try {
    libc.ioctl(master, libc.abi.TIOCSPTLCK, "TIOCSPTLCK", ["void *", Buffer.alloc(4)])
    setWindowSize(libc, master, size)
    // Not by /dev/pts/N: what is mounted there need not be the instance that ptmx belongs to.
    const flags = LINUX.O_RDWR | LINUX.O_NOCTTY | LINUX.O_CLOEXEC
    const slave = libc.ioctl(master, libc.abi.TIOCGPTPEER, "TIOCGPTPEER", ["int", flags])
    return { master, slave }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

/** The foreground processes get SIGWINCH where the size changes. */
export function setWindowSize(libc: Libc, fd: number, size: WindowSize): void {
  const winsize = Buffer.alloc(8)
  winsize.writeUInt16LE(size.rows, 0)
  winsize.writeUInt16LE(size.columns, 2)
  libc.ioctl(fd, libc.abi.TIOCSWINSZ, "TIOCSWINSZ", ["void *", winsize])
}

/** The slave's path in the mount of devpts that its master belongs to. */
export function terminalPath(libc: Libc, master: number): string {
  const number = Buffer.alloc(4)
  libc.ioctl(master, libc.abi.TIOCGPTN, "TIOCGPTN", ["void *", number])
  return `/dev/pts/${number.readUInt32LE(0)}`
}

/** At least a struct termios, whose first four fields are 32 bits each everywhere: input, output, control, local. */
const TERMIOS_BYTES = 64
const OUTPUT_FLAGS = 4

/** What is written to the terminal is shown as it is: a line feed stays one, and moves down without going to the left. */
export function passOutputUnchanged(libc: Libc, fd: number): void {
  const termios = Buffer.alloc(TERMIOS_BYTES)
  libc.ioctl(fd, libc.abi.TCGETS, "TCGETS", ["void *", termios])
  termios.writeUInt32LE((termios.readUInt32LE(OUTPUT_FLAGS) & ~LINUX.OPOST) >>> 0, OUTPUT_FLAGS)
  libc.ioctl(fd, libc.abi.TCSETS, "TCSETS", ["void *", termios])
}
