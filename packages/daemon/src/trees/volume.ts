import { execFile } from "node:child_process"
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, renameSync, rmSync } from "node:fs"
import { dirname } from "node:path"
import { promisify } from "node:util"
import { DaemonError } from "../errors.ts"

const run = promisify(execFile)

export const VOLUME = {
  /** What the file system of a volume spans. The file is sparse: it takes what is in it; what may be in it the store bounds. */
  bytes: 1024 * 1024 * 1024 * 1024,
  /** The store has few and large files: room for more would be written to every new volume. */
  bytesPerFile: 16 * 1024 * 1024,
  journalMiB: 64,
  makeMs: 60_000,
} as const

/**
 * The disk of the domain that has the state store, made if it is not there; the descriptor is the caller's. Whatever is on
 * it was written by that domain: nothing on the host reads it.
 */
export async function openVolume(path: string, signal: AbortSignal): Promise<number> {
  if (!existsSync(path)) await makeVolume(path, signal)
  return openSync(path, "r+")
}

async function makeVolume(path: string, signal: AbortSignal): Promise<void> {
  const unfinished = `${path}.new`
  rmSync(unfinished, { force: true })
  try {
    const fd = openSync(unfinished, "wx", 0o600)
    try {
      ftruncateSync(fd, VOLUME.bytes)
      await run("mkfs.ext4", ["-q", "-m", "0", ...makeArguments(), unfinished], {
        signal: AbortSignal.any([signal, AbortSignal.timeout(VOLUME.makeMs)]),
      })
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(unfinished, path)
    synchroniseDirectory(dirname(path))
  } catch (cause) {
    rmSync(unfinished, { force: true })
    const why = isMissing(cause) ? 'mkfs.ext4 is not installed: run "apt install e2fsprogs"' : String(cause)
    throw new DaemonError("unusable", `Cannot make the state store's volume ${path}: ${why}`, { cause })
  }
}

const makeArguments = () => [
  ...["-i", String(VOLUME.bytesPerFile), "-J", `size=${VOLUME.journalMiB}`],
  // What a sparse file has not is zero already.
  ...["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"],
]

const isMissing = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT"

function synchroniseDirectory(path: string): void {
  const fd = openSync(path, "r")
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
