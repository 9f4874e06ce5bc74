import type { FileErrorCode } from "../file-tree.ts"

/** Linux's numbers, the same on every architecture that we run on. */
export const ERRNO: Readonly<Record<FileErrorCode, number>> = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  ENOTTY: 25,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ESTALE: 116,
  EDQUOT: 122,
}

const NAMES: ReadonlyMap<number, FileErrorCode> = new Map(
  Object.entries(ERRNO).map(([name, number]) => [number, name as FileErrorCode]),
)

/** What a server's answer says; EIO for a number that is none of ours. */
export const errnoName = (number: number): FileErrorCode => NAMES.get(number) ?? "EIO"
