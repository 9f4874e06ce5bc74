import { constants } from "node:fs"
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Linux } from "@skerry/linux"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import type { BackupPlace, PlaceFolder } from "./place.ts"

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants
const NAME = /^[0-9a-f]{1,64}$/
/** A medium that nobody writes to, or that was never a backup. */
const NO_LOCK = new Set(["EROFS", "EACCES", "EPERM", "ENOENT"])
const FULL = new Set(["ENOSPC", "EDQUOT"])

export interface PlaceOptions {
  readonly linux: Pick<Linux, "tryLock">
  /** "write": the folder is made where it is not there. "read": it may be a medium that cannot be written. */
  readonly access: "read" | "write"
}

/** A folder. One `skerry` at a time works on it. Throws BackupError "not-a-backup", "in-use" or "io". */
export async function openDirectoryPlace(path: string, options: PlaceOptions): Promise<BackupPlace> {
  try {
    if (options.access === "write") await mkdir(path, { recursive: true, mode: 0o700 })
    else if (!(await lstat(join(path, "."))).isDirectory())
      throw new BackupError("not-a-backup", `${path} is no folder`)
  } catch (cause) {
    throw cause instanceof BackupError ? cause : failure(`Cannot use ${path} for backups`, cause)
  }
  for (const folder of ["parts", "manifests"]) {
    const found = await lstat(join(path, folder)).catch(() => undefined)
    // A link would have files elsewhere looked at, and removed for what they are not.
    if (found?.isDirectory() === false) {
      throw new BackupError(
        "unsafe",
        `${join(path, folder)} is no folder: this is no backup that Skerry wrote`,
      )
    }
  }
  return new DirectoryPlace(path, await lock(path, options))
}

async function lock(path: string, { linux, access }: PlaceOptions): Promise<FileHandle | undefined> {
  let handle: FileHandle
  try {
    const creating = access === "write" ? O_CREAT : 0
    handle = await open(join(path, "lock"), O_RDWR | creating | O_NOFOLLOW | O_NONBLOCK, 0o600)
  } catch (cause) {
    if (access === "read" && NO_LOCK.has((cause as NodeJS.ErrnoException).code ?? "")) return undefined
    throw failure(`Cannot use ${path} for backups`, cause)
  }
  if (linux.tryLock(handle.fd)) return handle
  await handle.close()
  throw new BackupError("in-use", `Another skerry is at work on ${path}; wait until it is done`)
}

class DirectoryPlace implements BackupPlace {
  readonly shown: string
  readonly #lock: FileHandle | undefined

  constructor(path: string, lock: FileHandle | undefined) {
    this.shown = path
    this.#lock = lock
  }

  async list(folder: PlaceFolder): Promise<ReadonlyMap<string, number>> {
    const path = join(this.shown, folder)
    const sizes = new Map<string, number>()
    try {
      for (const name of await readdir(path)) {
        if (!NAME.test(name)) continue
        const found = await lstat(join(path, name))
        if (found.isFile()) sizes.set(name, found.size)
        if (sizes.size > BACKUP_LIMITS.parts) throw new BackupError("too-large", `${path} has too many files`)
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return sizes
      throw cause instanceof BackupError ? cause : failure(`Cannot read ${path}`, cause)
    }
    return sizes
  }

  async read(path: string, mostBytes: number): Promise<Buffer | undefined> {
    const full = join(this.shown, path)
    try {
      // Neither a link that leads elsewhere nor a pipe that never ends.
      await using handle = await open(full, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      const found = await handle.stat()
      if (!found.isFile()) throw new BackupError("unsafe", `${full} is no ordinary file`)
      if (found.size > mostBytes) {
        throw new BackupError(
          "too-large",
          `${full} has ${found.size} bytes; such a file has at most ${mostBytes}`,
        )
      }
      const bytes = Buffer.alloc(found.size)
      let length = 0
      while (length < bytes.length) {
        const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length)
        if (bytesRead === 0) break
        length += bytesRead
      }
      return bytes.subarray(0, length)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      if (code === "ENOENT") return undefined
      if (code === "ELOOP") throw new BackupError("unsafe", `${full} is a symbolic link`, { cause })
      throw cause instanceof BackupError ? cause : failure(`Cannot read ${full}`, cause)
    }
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const full = join(this.shown, path)
    const temporary = `${full}.new`
    try {
      await mkdir(dirname(full), { recursive: true, mode: 0o700 })
      await rm(temporary, { force: true }) // of a backup that was cut
      await writeWhole(temporary, bytes)
      await rename(temporary, full)
      await syncDirectory(dirname(full))
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => {}) // the first error is the one to tell
      throw failure(`Cannot write ${full}`, cause)
    }
  }

  async remove(path: string): Promise<void> {
    const full = join(this.shown, path)
    await rm(full, { force: true }).catch((cause: unknown) => {
      throw failure(`Cannot remove ${full}`, cause)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock?.close()
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  await handle.writeFile(bytes)
  await handle.sync()
}

async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, O_RDONLY)
  await handle.sync()
}

function failure(what: string, cause: unknown): BackupError {
  const { code = "", message } = cause as NodeJS.ErrnoException
  if (FULL.has(code)) {
    return new BackupError(
      "no-space",
      `${what}: the disk is full. What was written stays and is used: make room, and run the same command again`,
      { cause },
    )
  }
  if (code === "ENOENT") return new BackupError("not-a-backup", `${what}: there is no such folder`, { cause })
  return new BackupError("io", `${what}: ${code || message}`, { cause })
}
