import { closeSync, constants, mkdirSync, opendirSync, openSync, realpathSync } from "node:fs"
import { CliError } from "../cli-error.ts"
import { shownPath } from "../state/shown-path.ts"

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants

/** Makes the directory, or takes one that is empty. Throws CliError. */
export function openEmptyDirectory(hostPath: string): number {
  const shown = shownPath({ path: hostPath })
  try {
    try {
      mkdirSync(hostPath, 0o700)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    }
    // Named by a person: a symlink there means what it leads to.
    const descriptor = openSync(realpathSync(hostPath), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    if (isEmpty(descriptor)) return descriptor
    closeSync(descriptor)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === "ENOTDIR"
        ? "it is no directory"
        : code === "ENOENT"
          ? "the directory above it is not there"
          : code
    throw new CliError("refused", `Cannot export to ${shown}: ${why}`, { cause })
  }
  throw new CliError("refused", `Cannot export to ${shown}: it is not empty, and nothing is written over`)
}

function isEmpty(directory: number): boolean {
  const listing = opendirSync(`/proc/self/fd/${directory}`)
  try {
    return listing.readSync() === null
  } finally {
    listing.closeSync()
  }
}
