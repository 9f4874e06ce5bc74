import {
  type BigIntStats,
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { mergeDirectories } from "../policy-files.ts"

/* Policy files on disk, for whoever decides by them: the daemon at every look, the command line when it checks. */

/** Bounds of what is read; past them no policy is in force. */
export const POLICY_FILE_LIMITS = {
  /** Files in all directories together: bounds what every look at them costs. */
  files: 1024,
  /** Bytes of all files together. */
  bytes: 16 * 1024 * 1024,
  /** Directories within directories. */
  depth: 8,
} as const

/** Files of policy that cannot be used: too many, too large, somebody else's, or unreadable. */
export class PolicyFilesError extends Error {
  override readonly name = "PolicyFilesError"
  readonly code = "unreadable"
}

export interface PolicyFiles {
  /** Differs whenever a file was added, removed, or changed. */
  readonly stamp: string
  /** Text by path, of all directories as one: an earlier one's file takes its namesakes' place. Throws PolicyFilesError. */
  read(): ReadonlyMap<string, string>
}

interface FoundFile {
  /** From its directory. */
  readonly name: string
  readonly path: string
  readonly stat: BigIntStats
}

/** What lies in policy directories, the most important one first; one that does not exist is empty. Throws PolicyFilesError. */
export function findPolicyFiles(directories: readonly string[], uid: number): PolicyFiles {
  const found = directories.map((directory) => namingProblems(directory, () => listFiles(directory, "", 0)))
  const all = found.flat()
  const bytes = all.reduce((sum, { stat }) => sum + Number(stat.size), 0)
  const problem =
    all.length > POLICY_FILE_LIMITS.files
      ? `There are ${all.length} policy files, ${POLICY_FILE_LIMITS.files} are allowed`
      : bytes > POLICY_FILE_LIMITS.bytes
        ? `The policy files take ${bytes} bytes, ${POLICY_FILE_LIMITS.bytes} are allowed`
        : undefined
  if (problem !== undefined) throw new PolicyFilesError(`${problem}: move some away`)
  const stampOf = ({ path, stat }: FoundFile) =>
    `${path} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
  return {
    stamp: all.map(stampOf).join("\n"),
    read: () =>
      mergeDirectories(
        found.map((files) => new Map(files.map((file) => [file.name, readOwn(file.path, uid)]))),
      ),
  }
}

/** The rules that come with Skerry: share/policy.d above the program, beside dist/ or of the repository. */
export function shippedPolicies(programFile: string): string {
  for (let above = dirname(programFile); above !== dirname(above); above = dirname(above)) {
    const candidate = join(above, "share/policy.d")
    if (statSync(candidate, { throwIfNoEntry: false })?.isDirectory() === true) return candidate
  }
  throw new PolicyFilesError(`No share/policy.d lies above ${programFile}: install Skerry again`)
}

/** In order of their names, so that the same files give the same stamp. */
function listFiles(directory: string, below: string, depth: number): FoundFile[] {
  if (depth > POLICY_FILE_LIMITS.depth) {
    const levels = `${POLICY_FILE_LIMITS.depth} are allowed`
    throw new PolicyFilesError(`${directory} has directories in directories too deep: ${levels}`)
  }
  return readdirIfAny(join(directory, below)).flatMap((entry): FoundFile[] => {
    if (entry.startsWith(".")) return []
    const name = below === "" ? entry : `${below}/${entry}`
    const path = join(directory, name)
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stat?.isDirectory() === true) return listFiles(directory, name, depth + 1)
    return stat?.isFile() === true ? [{ name, path, stat }] : []
  })
}

function readdirIfAny(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw error
  }
}

const OTHERS_MAY_WRITE = 0o002

/** A file of policy decides what domains may do: nobody but `uid` and root may own it, and not everybody may write it. */
function readOwn(path: string, uid: number): string {
  return namingProblems(path, () => {
    const descriptor = openSync(path, "r")
    try {
      const { uid: owner, mode } = fstatSync(descriptor)
      if (owner !== uid && owner !== 0) {
        throw new PolicyFilesError(`${path} belongs to the account ${owner}: it must be yours or root's`)
      }
      if ((mode & OTHERS_MAY_WRITE) !== 0) {
        throw new PolicyFilesError(
          `${path} may be written by every account of this machine: run chmod o-w on it`,
        )
      }
      return readFileSync(descriptor, "utf8")
    } finally {
      closeSync(descriptor)
    }
  })
}

function namingProblems<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof PolicyFilesError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new PolicyFilesError(`Cannot read the policy in ${path}: ${why}`, { cause })
  }
}
