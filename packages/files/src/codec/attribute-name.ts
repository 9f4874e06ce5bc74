import { FileError, TREE_LIMITS } from "../file-tree.ts"

const PREFIX = "user."

/**
 * The name of an extended attribute, one byte a character: ERANGE for one that is empty or too long, EINVAL for a NUL in it
 * and for a prefix alone, EOPNOTSUPP for what is not the user's own (system.*, security.*, trusted.*).
 */
export function parseAttributeName(untrustedName: string): string {
  if (untrustedName.length === 0 || untrustedName.length > TREE_LIMITS.attributeNameBytes) {
    throw new FileError("ERANGE")
  }
  if (!untrustedName.startsWith(PREFIX)) throw new FileError("EOPNOTSUPP")
  if (untrustedName.length === PREFIX.length || untrustedName.includes("\0")) throw new FileError("EINVAL")
  return untrustedName
}
