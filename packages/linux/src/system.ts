import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"

/** Mixes bytes into the kernel's random pool, trusted to be random throughout. Needs CAP_SYS_ADMIN. */
export function addEntropy(libc: Libc, randomFd: number, bytes: Uint8Array): void {
  const pool = Buffer.alloc(8 + bytes.length)
  pool.writeInt32LE(bytes.length * 8, 0)
  pool.writeInt32LE(bytes.length, 4)
  pool.set(bytes, 8)
  libc.ioctl(randomFd, libc.abi.RNDADDENTROPY, "RNDADDENTROPY", ["void *", pool])
}

/** Makes the kernel's generator take a new key from its pool now. Needs CAP_SYS_ADMIN. */
export function reseedRandom(libc: Libc, randomFd: number): void {
  libc.ioctl(randomFd, libc.abi.RNDRESEEDCRNG, "RNDRESEEDCRNG", ["int", 0])
}

/** Sets the wall clock. Needs CAP_SYS_TIME. */
export function setWallClock(libc: Libc, nanoseconds: bigint): void {
  const timespec = new BigInt64Array([nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n])
  const bytes = new Uint8Array(timespec.buffer)
  libc.call("int clock_settime(int, void *)", "CLOCK_REALTIME", LINUX.CLOCK_REALTIME, bytes)
}

export function setHostName(libc: Libc, name: string): void {
  libc.call("int sethostname(const char *, size_t)", name, name, Buffer.byteLength(name))
}

/** Makes `target` show the file or directory `source`. Needs CAP_SYS_ADMIN in the mount namespace. */
export function bindMount(libc: Libc, source: string, target: string): void {
  const prototype = "int mount(const char *, const char *, const char *, unsigned long, void *)"
  libc.call(prototype, `${source} on ${target}`, source, target, null, LINUX.MS_BIND, null)
}

/** This process, and what it starts, has no groups but its own. Needs CAP_SETGID. */
export function dropGroups(libc: Libc): void {
  libc.call("int setgroups(size_t, void *)", "", 0, null)
}

/** No program that this process or its children run from now on gains rights by it (setuid, file capabilities). */
export function forbidNewPrivileges(libc: Libc): void {
  libc.call("int prctl(int, ...)", "PR_SET_NO_NEW_PRIVS", LINUX.PR_SET_NO_NEW_PRIVS, ...PR_ARGUMENTS)
}

/** The kernel refuses unless the arguments that it does not use are 0. */
const PR_ARGUMENTS = [1, 0, 0, 0].flatMap((value) => ["unsigned long", value])
