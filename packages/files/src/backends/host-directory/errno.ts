import { constants } from "node:os"
import { FileError, type FileErrorCode } from "../../file-tree.ts"

/** What Linux may answer to a call on a file; anything else is EIO. */
const CODES: readonly FileErrorCode[] = [
  ...(["EPERM", "ENOENT", "EINTR", "EIO", "ENXIO", "EAGAIN", "EACCES", "EBUSY", "EEXIST", "EXDEV"] as const),
  ...(["ENODEV", "ENOTDIR", "EISDIR", "EINVAL", "EMFILE", "EFBIG", "ENOSPC", "EROFS", "EMLINK"] as const),
  ...(["ERANGE", "ENAMETOOLONG", "ENOTEMPTY", "ELOOP", "ENODATA", "EOVERFLOW", "EOPNOTSUPP"] as const),
  ...(["ESTALE", "EDQUOT"] as const),
]

const BY_NUMBER = new Map<number, FileErrorCode>(
  CODES.map((code) => [(constants.errno as Readonly<Record<string, number>>)[code] ?? 0, code]),
)
// The whole system has as many open files as it may: the client is told as if it were the server alone.
BY_NUMBER.set(constants.errno.ETXTBSY, "EBUSY")
BY_NUMBER.set(constants.errno.ENFILE, "EMFILE")

/** The result of a call of FileCalls, unless it is a negative errno, which is thrown as FileError. */
export function check(result: number): number {
  if (result < 0) throw new FileError(BY_NUMBER.get(-result) ?? "EIO")
  return result
}

export const ERRNO = constants.errno
