import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from "node:fs"
import { fileKind } from "@skerry/services/file-kind"
import { namesIn } from "@skerry/services/names-in"
import { CliError } from "../cli-error.ts"
import { pathOfBytes, shownPath } from "../state/shown-path.ts"

/*
 * A person's directory, read for an import. It may change meanwhile, and part of it may belong to a program that would
 * like to lead us elsewhere: every name is looked up in the open directory that it was found in, and no symlink is followed.
 * Node has no openat(): /proc/self/fd/N/name is resolved from the directory itself, wherever that has been moved.
 */

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants

export const HOST_TREE_LIMITS = {
  /** Directories in directories: each one holds a descriptor open. */
  depth: 512,
} as const

export type SkippedWhy = "socket" | "pipe" | "device" | "unreadable" | "vanished" | "replaced"

export type HostEntry =
  | {
      readonly kind: "file"
      /** From the directory's root, "/" between names. */
      readonly path: Buffer
      readonly stats: BigIntStats
      /** The caller reads, and the walk closes it. */
      readonly descriptor: number
    }
  | { readonly kind: "directory"; readonly path: Buffer; readonly stats: BigIntStats }
  | { readonly kind: "symlink"; readonly path: Buffer; readonly stats: BigIntStats; readonly target: Buffer }
  | { readonly kind: "skipped"; readonly path: Buffer; readonly why: SkippedWhy; readonly code: string }

/** What the directory has, each directory before what lies in it; the root itself first, with an empty path. */
export function* walkHostTree(hostPath: string): Generator<HostEntry> {
  const root = openRoot(hostPath)
  try {
    yield { kind: "directory", path: Buffer.alloc(0), stats: fstatSync(root, { bigint: true }) }
    yield* walkDirectory(root, Buffer.alloc(0), 1)
  } finally {
    closeSync(root)
  }
}

/** Named by a person: a symlink there means what it leads to. */
function openRoot(hostPath: string): number {
  try {
    return openSync(hostPath, O_RDONLY | O_DIRECTORY)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === "ENOENT" ? "there is no such directory" : code === "ENOTDIR" ? "it is no directory" : code
    throw new CliError("refused", `Cannot read ${shownPath({ path: hostPath })}: ${why}`, { cause })
  }
}

function* walkDirectory(directory: number, path: Buffer, depth: number): Generator<HostEntry> {
  if (depth > HOST_TREE_LIMITS.depth) {
    const shown = shownPath(pathOfBytes(path.subarray(0, 200)))
    throw new CliError(
      "refused",
      `Directories in directories, more than ${HOST_TREE_LIMITS.depth}: ${shown}…; leave that one out`,
    )
  }
  for (const name of namesIn(directory)) {
    const below = path.length === 0 ? name : Buffer.concat([path, SLASH, name])
    yield* walkEntry(directory, name, below, depth)
  }
}

const SLASH = Buffer.from("/")

function* walkEntry(directory: number, name: Buffer, path: Buffer, depth: number): Generator<HostEntry> {
  const hostPath = Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])
  let descriptor: number | undefined
  try {
    const stats = lstatSync(hostPath, { bigint: true })
    const kind = fileKind(Number(stats.mode))
    if (kind === "symlink") {
      yield { kind, path, stats, target: readlinkSync(hostPath, { encoding: "buffer" }) }
      return
    }
    if (kind !== "file" && kind !== "directory") {
      yield { kind: "skipped", path, why: kind, code: "" }
      return
    }
    // Should it have become a pipe or a device since: neither waits, nor is made this process's terminal.
    const flags = O_RDONLY | O_NOFOLLOW | (kind === "directory" ? O_DIRECTORY : O_NONBLOCK | O_NOCTTY)
    descriptor = openSync(hostPath, flags)
  } catch (error) {
    yield { kind: "skipped", path, ...whyOf(error) }
    return
  }
  try {
    const stats = fstatSync(descriptor, { bigint: true })
    const kind = fileKind(Number(stats.mode))
    if (kind === "file") yield { kind, path, stats, descriptor }
    else if (kind === "directory") {
      yield { kind, path, stats }
      yield* walkDirectory(descriptor, path, depth + 1)
    } else yield { kind: "skipped", path, why: "replaced", code: "" }
  } finally {
    closeSync(descriptor)
  }
}

function whyOf(error: unknown): { readonly why: SkippedWhy; readonly code: string } {
  const { code = "" } = error as NodeJS.ErrnoException
  if (code === "ENOENT") return { why: "vanished", code }
  if (code === "ELOOP" || code === "ENOTDIR" || code === "EINVAL" || code === "ENXIO")
    return { why: "replaced", code }
  if (code !== "" && code !== "EMFILE" && code !== "ENFILE") return { why: "unreadable", code }
  throw error
}
