import { linkSync, lstatSync, type PathLike, renameSync, unlinkSync } from "node:fs"

/** Of an error of link(): the file system has no hard links (FAT, exFAT, some of the network), or the file has too many. */
export const cannotLink = (error: unknown): boolean =>
  ["EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK"].includes((error as NodeJS.ErrnoException).code ?? "")

/** Moves a file to where nothing lies: link() never replaces. Without hard links, looking first is the best that can be had. */
export function putInPlace(from: PathLike, to: PathLike): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (!cannotLink(error)) throw error
    if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) {
      throw Object.assign(new Error("A file of that name exists"), { code: "EEXIST", errno: -17 })
    }
    renameSync(from, to)
    return
  }
  unlinkSync(from)
}
