import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs"
import { basename, dirname, join } from "node:path"
import { type HostPaths, placesOverlap, quoted } from "@skerry/model"
import { DaemonError, messageOf } from "../errors.ts"

/** Not among Node's constants: a handle that is good for lookups alone, and needs no right to read. */
const O_PATH = 0o10000000

/** A file or directory of this machine, opened once: what its path leads to later changes nothing. */
export interface OpenedPath extends Disposable {
  /** Of the directory; of a file the one that it is in. Belongs to this object. */
  readonly handle: number
  /** "": the directory itself; else the one file in it. */
  readonly only: string
  readonly path: string
  readonly owner: { readonly uid: number; readonly gid: number }
  /** Tells directories apart, whatever paths lead to them. */
  readonly key: string
  readonly warnings: readonly string[]
}

export interface OpenPathOptions {
  readonly paths: HostPaths
  /** Home of whom "~/" means. */
  readonly home: string
}

/** Key folders: whoever reads them can be you elsewhere. */
const PRECIOUS = [
  ".ssh",
  ".gnupg",
  ".aws",
  ".kube",
  ".password-store",
  ".config/gcloud",
  ".local/share/keyrings",
  ".mozilla",
]

/**
 * Opens what is to be granted. A path through a symlink is refused and told where it leads: an instance that may write
 * above it could have put it there. Fails with "bad-request", for people.
 */
export function openGranted(written: string, { paths, home }: OpenPathOptions): OpenedPath {
  const path = written.startsWith("~/") ? join(home, written.slice(2)) : written
  const refuse = (why: string, cause?: unknown): never => {
    throw new DaemonError("bad-request", `Cannot grant ${quoted(written)}: ${why}`, { cause })
  }
  if (path === "/") refuse("it is all of this machine")
  for (const system of ["/proc", "/sys", "/dev"]) {
    if (`${path}/`.startsWith(`${system}/`)) refuse(`${system} is no place for files`)
  }
  for (const own of Object.values(paths).flatMap(withReal)) {
    if (placesOverlap(path, own)) refuse(`Skerry's own folder ${own} is in it, or it is in that`)
  }
  const isFile = statOf(path, refuse).isFile()
  const directory = isFile ? dirname(path) : path
  if (directory === "/") refuse("its directory is all of this machine")
  const handle = open(directory, O_PATH | constants.O_DIRECTORY, refuse)
  try {
    const stats = fstatSync(handle)
    const real = readlinkSync(`/proc/self/fd/${handle}`)
    if (real !== directory) {
      refuse(
        `it leads to ${quoted(isFile ? join(real, basename(path)) : real)}; name that if it is what you mean`,
      )
    }
    const isOwn = isOwnByAnotherPath(real, idOf(stats), Object.values(paths))
    if (isOwn) refuse("it is a folder of Skerry's own, or holds one, by another path")
    return {
      handle,
      only: isFile ? basename(path) : "",
      path,
      owner: { uid: stats.uid, gid: stats.gid },
      key: idOf(stats),
      warnings: warningsOf(path, home),
      [Symbol.dispose]: () => closeSync(handle),
    }
  } catch (error) {
    closeSync(handle)
    throw error
  }
}

/** Another handle of the directory that this one leads to, whatever its path is by now; the caller's. */
export const openAgain = (handle: number): number =>
  openSync(`/proc/self/fd/${handle}`, O_PATH | constants.O_DIRECTORY)

/** Skerry's own folders may be reached through symlinks; what is granted is not. */
function withReal(own: string): string[] {
  try {
    return [own, realpathSync(own)]
  } catch {
    return [own] // It is not there yet.
  }
}

const idOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`

/** Through a bind mount: its path says nothing then, what the directories are does. */
function isOwnByAnotherPath(path: string, id: string, owns: readonly string[]): boolean {
  const lines = owns.map(idsUpwards)
  const upwards = new Set(idsUpwards(path))
  return lines.some((line) => line.includes(id) || upwards.has(line[0] ?? ""))
}

/** Of a directory and those above it; none for what is not there yet. */
function idsUpwards(path: string): string[] {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return []
  const above = dirname(path)
  return above === path ? [idOf(stats)] : [idOf(stats), ...idsUpwards(above)]
}

type Refuse = (why: string, cause?: unknown) => never

function open(path: string, flags: number, refuse: Refuse): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    return refuse(explain(error), error)
  }
}

/** Of the path's last name itself: a symlink there is refused. */
function statOf(path: string, refuse: Refuse): Stats {
  const handle = open(path, O_PATH | constants.O_NOFOLLOW, refuse)
  try {
    const stats = fstatSync(handle)
    if (stats.isSymbolicLink()) refuse("it is a symlink; name what it leads to")
    if (!stats.isFile() && !stats.isDirectory()) refuse("it is neither a file nor a directory")
    return stats
  } finally {
    closeSync(handle)
  }
}

function explain(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file or directory"
  return messageOf(error)
}

function warningsOf(path: string, home: string): string[] {
  return PRECIOUS.map((name) => join(home, name))
    .filter((folder) => placesOverlap(path, folder))
    .map((folder) =>
      path.startsWith(folder)
        ? `${folder} holds keys or passwords: whoever reads them can act as you elsewhere`
        : `${folder}, which holds keys or passwords, is in it`,
    )
}
