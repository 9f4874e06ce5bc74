import { type EntryName, FileError, TREE_LIMITS } from "../file-tree.ts"

const SLASH_OR_NUL = /[/\0]/

/**
 * A name as a client sent it, one byte a character. ENAMETOOLONG, and for what Linux lets nobody say as a name: ENOENT
 * for none, EINVAL for ".", "..", and for a "/" or NUL in it.
 */
export function parseEntryName(untrustedName: string): EntryName {
  const { length } = untrustedName
  if (length === 0) throw new FileError("ENOENT")
  if (length > TREE_LIMITS.nameBytes) throw new FileError("ENAMETOOLONG")
  if (length <= 2 && (untrustedName === "." || untrustedName === "..")) throw new FileError("EINVAL")
  if (SLASH_OR_NUL.test(untrustedName)) throw new FileError("EINVAL")
  return untrustedName as EntryName
}

/** A name given as text, for what the host calls things: its bytes are UTF-8. */
export function entryNameOf(text: string): EntryName {
  return parseEntryName(Buffer.from(text, "utf8").toString("latin1"))
}
