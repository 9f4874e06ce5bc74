import { readdir, readFile, stat } from "node:fs/promises"
import { join, relative } from "node:path"

/** Bounds of what is read; past them no policy is in force. */
export const POLICY_FILE_LIMITS = {
  /** Files in all directories together: bounds what every look at them costs. */
  files: 1024,
  /** Bytes of all files together. */
  bytes: 16 * 1024 * 1024,
  /** Directories within directories. */
  depth: 8,
} as const

export interface PolicyFiles {
  /** Differs whenever a file was added, removed, or changed. */
  readonly stamp: string
  /** Text by path relative to its directory, for each directory, the most important one first. */
  read(): Promise<ReadonlyMap<string, string>[]>
}

/** Looks at policy directories; one that does not exist is empty. Fails with an Error for people. */
export async function findPolicyFiles(directories: readonly string[]): Promise<PolicyFiles> {
  const found = await Promise.all(directories.map((directory) => listFiles(directory)))
  const all = found.flat()
  if (all.length > POLICY_FILE_LIMITS.files) {
    throw new Error(`${all.length} policy files are more than the ${POLICY_FILE_LIMITS.files} allowed`)
  }
  const bytes = all.reduce((sum, file) => sum + file.bytes, 0)
  if (bytes > POLICY_FILE_LIMITS.bytes) {
    throw new Error(`The policy files take ${bytes} bytes, ${POLICY_FILE_LIMITS.bytes} are allowed`)
  }
  return {
    stamp: all.map(({ path, stamp }) => `${path} ${stamp}`).join("\n"),
    read: () =>
      Promise.all(
        found.map(async (files, index) => {
          const directory = directories[index] ?? ""
          const texts = await Promise.all(files.map(({ path }) => readFile(path, "utf8")))
          return new Map(files.map(({ path }, file) => [relative(directory, path), texts[file] ?? ""]))
        }),
      ),
  }
}

interface FoundFile {
  readonly path: string
  readonly stamp: string
  readonly bytes: number
}

/** In order of their names, so that the same files give the same stamp. */
async function listFiles(directory: string, depth = 0): Promise<FoundFile[]> {
  if (depth > POLICY_FILE_LIMITS.depth) {
    throw new Error(`${directory} lies deeper than policy directories may (${POLICY_FILE_LIMITS.depth})`)
  }
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []
    throw error
  })
  entries.sort((one, other) => (one.name < other.name ? -1 : 1))
  const found = await Promise.all(
    entries.map(async (entry): Promise<FoundFile[]> => {
      const path = join(directory, entry.name)
      if (entry.name.startsWith(".")) return []
      if (entry.isDirectory()) return await listFiles(path, depth + 1)
      const { mtimeNs, ino, size, ctimeNs } = await stat(path, { bigint: true })
      return [{ path, stamp: `${ino} ${size} ${mtimeNs} ${ctimeNs}`, bytes: Number(size) }]
    }),
  )
  return found.flat()
}
