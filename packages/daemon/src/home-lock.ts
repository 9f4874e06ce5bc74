import {
  closeSync,
  constants,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { HomeError } from "./errors.ts"

/** Locks the open file for as long as it is open; false if another process holds it. Ends with the process. */
export type TryLock = (descriptor: number) => boolean

/** Holds the runtime directory for one daemon: the kernel lets the lock go with the process, however that ends. */
export class HomeLock implements Disposable {
  readonly #descriptor: number

  private constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Fails with HomeError. */
  static take(runtimeDirectory: string, uid: number, tryLock: TryLock): HomeLock {
    makePrivate(runtimeDirectory, uid)
    const path = join(runtimeDirectory, "daemon.lock")
    const descriptor = openLock(path)
    if (!tryLock(descriptor)) {
      closeSync(descriptor)
      const pid = readFileSync(path, "utf8").trim()
      throw new HomeError(
        "already-running",
        `A daemon runs for ${runtimeDirectory} already${pid === "" ? "" : ` as process ${pid}`}: "skerry daemon --stop" ends it`,
      )
    }
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`, 0)
    return new HomeLock(descriptor)
  }

  /** The file stays: removing it would let two daemons lock two files of one name. */
  [Symbol.dispose](): void {
    ftruncateSync(this.#descriptor)
    closeSync(this.#descriptor)
  }
}

function openLock(path: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
  } catch (cause) {
    throw unwritable(path, cause)
  }
}

/** Whoever could write into it could put a socket of their own in the daemon's place. */
export function makePrivate(directory: string, uid: number): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw unwritable(directory, cause)
  }
  const found = lstatSync(directory)
  if (!found.isDirectory()) {
    throw new HomeError("unsafe-directory", `Cannot use ${directory}: it is not a directory; remove it`)
  }
  if (found.uid !== uid) {
    throw new HomeError(
      "unsafe-directory",
      `Cannot use ${directory}: it belongs to user ${found.uid}, not to ${uid}; remove it, or set SKERRY_HOME to a directory of your own`,
    )
  }
  if ((found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8)
    throw new HomeError(
      "unsafe-directory",
      `Cannot use ${directory}: its mode is ${mode}, so others can reach it; run: chmod 700 ${directory}`,
    )
  }
}

function unwritable(path: string, cause: unknown): HomeError {
  const { code, message } = cause as NodeJS.ErrnoException
  return new HomeError(
    "unwritable",
    `Cannot write ${path}: ${code ?? message}; give yourself access, or set SKERRY_HOME to a directory that you can write`,
    { cause },
  )
}
