import { constants } from "node:fs"

export type FileKind = "file" | "directory" | "symlink" | "socket" | "pipe" | "device"

/** What a mode of stat(2) is of. */
export function fileKind(mode: number): FileKind {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return "file"
    case constants.S_IFDIR:
      return "directory"
    case constants.S_IFLNK:
      return "symlink"
    case constants.S_IFSOCK:
      return "socket"
    case constants.S_IFIFO:
      return "pipe"
    default:
      return "device"
  }
}
