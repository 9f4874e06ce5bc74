import { LINUX } from "./abi.ts"
import type { Libc } from "./libc.ts"
import { LinuxError } from "./linux-error.ts"

export interface SpawnRequest {
  /** The program's file, absolute. */
  readonly file: string
  readonly argv: readonly string[]
  /** NAME=value each. */
  readonly environment: readonly string[]
  readonly workingDirectory: string
  /** Three descriptors to be stdin, stdout and stderr, or the path of a terminal to be them and to control the session. */
  readonly stdio: readonly [number, number, number] | string
  /**
   * Who the process is; undefined: who the caller is. Needs CAP_SETUID and CAP_SETGID, and a caller without further
   * groups, which stay as they are.
   */
  readonly account: { readonly uid: number; readonly gid: number } | undefined
}

export type ProcessEnd =
  | { readonly kind: "code"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: number }

// Of glibc and musl, on 64 bits: 80 and 336 bytes at most, and 128.
const FILE_ACTIONS_BYTES = 128
const ATTRIBUTES_BYTES = 512
const SIGNAL_SET_BYTES = 128

/**
 * Starts a process as the leader of a new session, with every signal at its default and none blocked, and with no
 * descriptor but the three. Returns its pid. Throws LinuxError with what chdir, open or execve said.
 */
export function spawnProcess(libc: Libc, request: SpawnRequest): number {
  const { file, workingDirectory, stdio, account } = request
  using actions = new FileActions(libc)
  actions.changeDirectory(workingDirectory)
  if (typeof stdio === "string") {
    // A session's leader gets the first terminal that it opens as the controlling one.
    actions.open(0, stdio)
    actions.duplicate(0, 1)
    actions.duplicate(0, 2)
  } else {
    stdio.forEach((fd, target) => {
      actions.duplicate(fd, target)
    })
  }
  const pid = Buffer.alloc(4)
  const argv = [...request.argv, null]
  const environment = [...request.environment, null]
  const spawn = () =>
    checked(
      libc.attempt(
        "int posix_spawn(void *, const char *, void *, void *, const char **, const char **)",
        ...[pid, file, actions.bytes, attributes(libc), argv, environment],
      ),
      file,
    )
  if (account === undefined) spawn()
  else asAccount(libc, account, spawn)
  return pid.readInt32LE(0)
}

class FileActions implements Disposable {
  readonly bytes = Buffer.alloc(FILE_ACTIONS_BYTES)
  readonly #libc: Libc

  constructor(libc: Libc) {
    this.#libc = libc
    this.#add("int posix_spawn_file_actions_init(void *)")
  }

  changeDirectory(path: string): void {
    this.#add("int posix_spawn_file_actions_addchdir_np(void *, const char *)", path)
  }

  open(fd: number, path: string): void {
    const prototype = "int posix_spawn_file_actions_addopen(void *, int, const char *, int, unsigned int)"
    this.#add(prototype, fd, path, LINUX.O_RDWR, 0)
  }

  duplicate(fd: number, target: number): void {
    this.#add("int posix_spawn_file_actions_adddup2(void *, int, int)", fd, target)
  }

  [Symbol.dispose](): void {
    this.#add("int posix_spawn_file_actions_destroy(void *)")
  }

  #add(prototype: string, ...args: readonly unknown[]): void {
    checked(this.#libc.attempt(prototype, this.bytes, ...args), "file actions")
  }
}

let sharedAttributes: Buffer | undefined

/** The same for every process: made once, and never changed or freed. */
function attributes(libc: Libc): Buffer {
  if (sharedAttributes !== undefined) return sharedAttributes
  const bytes = Buffer.alloc(ATTRIBUTES_BYTES)
  const all = Buffer.alloc(SIGNAL_SET_BYTES, 0xff)
  const none = Buffer.alloc(SIGNAL_SET_BYTES)
  const flags = LINUX.POSIX_SPAWN_SETSIGDEF | LINUX.POSIX_SPAWN_SETSIGMASK | LINUX.POSIX_SPAWN_SETSID
  checked(libc.attempt("int posix_spawnattr_init(void *)", bytes), "attributes")
  checked(libc.attempt("int posix_spawnattr_setflags(void *, short)", bytes, flags), "flags")
  checked(libc.attempt("int posix_spawnattr_setsigdefault(void *, const void *)", bytes, all), "signals")
  checked(libc.attempt("int posix_spawnattr_setsigmask(void *, const void *)", bytes, none), "signals")
  sharedAttributes = bytes
  return bytes
}

/** These functions return the error instead of setting errno. */
function checked(errno: number, what: string): void {
  if (errno !== 0) throw new LinuxError("posix_spawn", errno, what)
}

/**
 * Runs `action` with another account's identity in this thread alone (Linux keeps credentials by thread, and libc's
 * wrappers would change them all). The saved ids stay root's to come back by; execve sets them to the effective ones,
 * so nothing of root is left in what `action` starts. Until then no process of that account may trace it: its saved
 * uid is not theirs.
 */
function asAccount(libc: Libc, { uid, gid }: { uid: number; gid: number }, action: () => void): void {
  const { SYS_setresgid, SYS_setresuid } = libc.abi
  const change = (what: string, number: number, ...ids: [number, number, number]) =>
    void libc.call("int64_t syscall(int64_t, int64_t, int64_t, int64_t)", what, number, ...ids)
  change("setresgid", SYS_setresgid, gid, gid, 0)
  try {
    change("setresuid", SYS_setresuid, uid, uid, 0)
    action()
  } finally {
    try {
      change("setresuid", SYS_setresuid, 0, 0, 0)
      change("setresgid", SYS_setresgid, 0, 0, 0)
    } catch {
      process.abort() // Half of another account: nothing that happens after this can be right.
    }
  }
}

/** A descriptor that polls as readable when the process has ended; close-on-exec. */
export function openPidfd(libc: Libc, pid: number): number {
  const prototype = "int64_t syscall(int64_t, int64_t, int64_t, int64_t)"
  return libc.call(prototype, `pidfd_open ${pid}`, LINUX.SYS_pidfd_open, pid, 0, 0)
}

/** Collects a child that has ended; undefined: it has not. */
export function collectChild(libc: Libc, pidfd: number): ProcessEnd | undefined {
  // siginfo_t: i32 signo, errno, code, padding; i32 pid, u32 uid, i32 status.
  const info = Buffer.alloc(128)
  const options = LINUX.WEXITED | LINUX.WNOHANG
  libc.call("int waitid(int, unsigned int, void *, int)", "", LINUX.P_PIDFD, pidfd, info, options)
  if (info.readInt32LE(16) === 0) return undefined
  const status = info.readInt32LE(24)
  return info.readInt32LE(8) === LINUX.CLD_EXITED
    ? { kind: "code", code: status }
    : { kind: "signal", signal: status }
}
