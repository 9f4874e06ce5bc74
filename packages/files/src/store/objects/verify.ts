import type { Damage } from "../object-store.ts"
import type { Database } from "./database.ts"
import { decodeIndexEntry } from "./index-entry.ts"
import { kindOf, type ObjectFiles } from "./object-files.ts"
import { objectsAfter } from "./sweep.ts"

/** One part of ObjectStore.verify(). The cursor is an object's key in hex. */
export function verifyObjects(
  database: Database,
  files: ObjectFiles,
  cursor: string | undefined,
  most: number,
) {
  const after = cursor === undefined ? undefined : Buffer.from(cursor, "hex")
  const { entries, next } = objectsAfter(database, after, most)
  const damage: Damage[] = []
  for (const { key, value } of entries) {
    const entry = decodeIndexEntry(value)
    const problem = entry === undefined ? { problem: "its entry was altered" } : files.check(key, entry)
    if (problem !== undefined) damage.push({ kind: kindOf(key), digest: files.digestOf(key), ...problem })
  }
  return { cursor: next?.toString("hex"), checked: entries.length, damage }
}
