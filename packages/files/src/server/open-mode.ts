import { OPEN } from "../codec/messages.ts"
import { FileError, type OpenMode } from "../file-tree.ts"

/** EINVAL for an access mode that is none. Flags that mean nothing here (O_CLOEXEC, O_DIRECT, …) are passed over. */
export function openMode(flags: number): OpenMode {
  const accessMode = flags & OPEN.accessMode
  if (accessMode === OPEN.accessMode) throw new FileError("EINVAL")
  return {
    read: accessMode !== OPEN.writeOnly,
    write: accessMode !== 0,
    append: (flags & OPEN.append) !== 0,
    truncate: (flags & OPEN.truncate) !== 0,
    exclusive: (flags & OPEN.exclusive) !== 0,
  }
}
