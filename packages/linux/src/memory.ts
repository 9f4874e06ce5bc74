import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"
import { LinuxError } from "./linux-error.ts"

export type Seal = "seal" | "shrink" | "grow" | "write" | "future-write"
const SEALS: Readonly<Record<Seal, number>> = {
  seal: 1,
  shrink: 2,
  grow: 4,
  write: 8,
  "future-write": 16,
}

/** An anonymous file in memory that can be sealed; close-on-exec. `name` shows in /proc only. */
export function memfdCreate(libc: Libc, name: string): number {
  const flags = LINUX.MFD_CLOEXEC | LINUX.MFD_ALLOW_SEALING
  return libc.call("int memfd_create(const char *, unsigned int)", name, name, flags)
}

export function addSeals(libc: Libc, fd: number, seals: readonly Seal[]): void {
  const mask = seals.reduce((bits, seal) => bits | SEALS[seal], 0)
  libc.call("int fcntl(int, int, ...)", `seals ${seals.join(", ")}`, fd, LINUX.F_ADD_SEALS, "int", mask)
}

export function getSeals(libc: Libc, fd: number): Seal[] {
  const mask = libc.call("int fcntl(int, int, ...)", "seals", fd, LINUX.F_GET_SEALS, "int", 0)
  return (Object.keys(SEALS) as Seal[]).filter((seal) => (mask & SEALS[seal]) !== 0)
}

/** Takes the exclusive lock of an open file; false: another open file description has it. It goes with the last close. */
export function tryLock(libc: Libc, fd: number): boolean {
  try {
    libc.call("int flock(int, int)", "", fd, LINUX.LOCK_EX | LINUX.LOCK_NB)
    return true
  } catch (error) {
    if (error instanceof LinuxError && error.code === "EAGAIN") return false
    throw error
  }
}
