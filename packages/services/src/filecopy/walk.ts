import { closeSync, constants, lstatSync, openSync, readlinkSync, realpathSync, type Stats } from "node:fs"
import { basename } from "node:path"
import { fileKind } from "./file-kind.ts"
import { shownName } from "./names.ts"
import { namesIn } from "./names-in.ts"
import { type Attributes, nameIn } from "./open-directories.ts"
import { type EntryKind, FILECOPY_LIMITS, FilecopyError, type QfileTime } from "./qfile.ts"

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants

/** One thing to send; a directory comes before and again after what lies in it. */
export interface WalkedEntry {
  readonly kind: EntryKind
  /** Good until the next entry is asked for. */
  readonly hostPath: Buffer
  /** For messages. */
  readonly shownPath: Buffer
  readonly sentName: Buffer
  readonly attributes: Attributes
  /** Of a file: as it was when it was looked at. */
  readonly bytes: number
  /** Of a symlink; empty otherwise. */
  readonly target: Buffer
}

/** A file or tree in the order of the stream: nothing is held but the directories that are open. Sockets, pipes and devices are errors. */
export function* walk(hostPath: string, ignoreSymlinks: boolean): Generator<WalkedEntry> {
  // What a person names is meant itself, also through a symlink; links inside a tree are sent as links.
  const path = Buffer.from(realPath(hostPath))
  const sentName = Buffer.from(basename(hostPath))
  if (sentName.length === 0 || sentName.equals(Buffer.from(".."))) {
    throw new FilecopyError("read-failed", `Cannot copy ${shownName(path)}: it has no name to arrive under`)
  }
  yield* walkFrom({ hostPath: path, shownPath: path, sentName }, ignoreSymlinks, 1)
}

function realPath(hostPath: string): string {
  try {
    return realpathSync(hostPath)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new FilecopyError(
      "read-failed",
      `Cannot copy ${JSON.stringify(hostPath)}: ${code === "ENOENT" ? "there is no such file" : code}`,
      {
        cause,
      },
    )
  }
}

type Walked = Pick<WalkedEntry, "hostPath" | "shownPath" | "sentName">

function* walkFrom(walked: Walked, ignoreSymlinks: boolean, depth: number): Generator<WalkedEntry> {
  const { hostPath, shownPath, sentName } = walked
  const stats = lstatSync(hostPath)
  const kind = sendableKind(stats, shownPath)
  if (kind === "symlink" && ignoreSymlinks) return
  const entry: WalkedEntry = {
    ...walked,
    kind,
    attributes: attributesOf(stats),
    bytes: kind === "file" ? stats.size : 0,
    target: kind === "symlink" ? readlinkSync(hostPath, { encoding: "buffer" }) : Buffer.alloc(0),
  }
  yield entry
  if (kind !== "directory") return
  if (depth >= FILECOPY_LIMITS.depth) {
    throw new FilecopyError("read-failed", `Cannot copy ${shownName(shownPath)}: it is too deep`)
  }
  const directory = openDirectory(entry)
  try {
    for (const name of namesIn(directory)) {
      const [shown, sent] = [shownPath, sentName].map((path) => Buffer.concat([path, SLASH, name]))
      if (shown === undefined || sent === undefined) continue
      yield* walkFrom(
        { hostPath: nameIn(directory, name), shownPath: shown, sentName: sent },
        ignoreSymlinks,
        depth + 1,
      )
    }
  } finally {
    closeSync(directory)
  }
  yield entry
}

const SLASH = Buffer.from("/")

/** Held open while it is walked: whoever may change the tree meanwhile must not lead the walk out of it. */
function openDirectory({ hostPath, shownPath }: Walked): number {
  try {
    return openSync(hostPath, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === "ENOTDIR" || code === "ELOOP" ? "it was replaced while it was copied" : code
    throw new FilecopyError("read-failed", `Cannot read ${shownName(shownPath)}: ${why}`, { cause })
  }
}

function sendableKind(stats: Stats, path: Buffer): EntryKind {
  const kind = fileKind(stats.mode)
  if (kind === "file" || kind === "directory" || kind === "symlink") return kind
  throw new FilecopyError(
    "read-failed",
    `Cannot copy ${shownName(path)}: it is neither file, directory nor symlink`,
  )
}

const attributesOf = (stats: Stats): Attributes => ({
  permissions: stats.mode & 0o777,
  accessed: timeOf(stats.atimeMs),
  modified: timeOf(stats.mtimeMs),
})

/** Times before 1970 and after 2106 do not fit the stream. */
function timeOf(milliseconds: number): QfileTime {
  const bounded = Math.min(Math.max(milliseconds, 0), 0xffff_ffff * 1000)
  const seconds = Math.floor(bounded / 1000)
  return { seconds, nanoseconds: Math.min(999_999_999, Math.round((bounded - seconds * 1000) * 1e6)) }
}

/** What there is to send, for a progress bar: what cannot be read is left to the copy to report. */
export function measure(
  paths: readonly string[],
  ignoreSymlinks: boolean,
): { bytes: number; entries: number } {
  let bytes = 0
  let entries = 0
  for (const path of paths) {
    for (const entry of walk(path, ignoreSymlinks)) {
      bytes += entry.bytes
      entries += 1
    }
  }
  return { bytes, entries }
}
