import type { Database } from "./database.ts"
import { KIND_BYTE } from "./digest-of.ts"
import { decodeIndexEntry, storedBytesOf } from "./index-entry.ts"
import type { LiveSet } from "./live-set.ts"
import { entryBytes } from "./segment-entry.ts"
import type { Segments } from "./segments.ts"
import type { Freed } from "./tables.ts"

export interface Swept {
  /** Where to go on; undefined: everything was looked at. */
  readonly after: Buffer | undefined
  readonly changes: readonly (readonly [Buffer, undefined])[]
  readonly freed: readonly Freed[]
  readonly removed: number
  readonly freedBytes: number
}

/**
 * Looks at so many objects of the index, and says what has to go. Drops it from the counts of segments; `used` learns which
 * of them the others are in.
 */
export function sweepObjects(
  database: Database,
  segments: Segments,
  live: LiveSet,
  after: Buffer | undefined,
  most: number,
  used: Set<number>,
): Swept {
  const { entries, next } = objectsAfter(database, after, most)
  const changes: [Buffer, undefined][] = []
  const freed: Freed[] = []
  let freedBytes = 0
  for (const { key, value } of entries) {
    const entry = decodeIndexEntry(value)
    if (live.has(key)) {
      if (entry?.kind === "segment") used.add(entry.location.segment)
      continue
    }
    changes.push([key, undefined])
    if (entry === undefined) continue
    freedBytes += storedBytesOf(entry)
    if (entry.kind === "inline") continue
    const bytes = entryBytes(entry.bodyBytes)
    segments.drop(entry.location, bytes)
    freed.push({ location: entry.location, bytes })
  }
  return { after: next, changes, freed, removed: changes.length, freedBytes }
}

/** Objects in the order of their keys: chunks, then nodes. */
export function objectsAfter(database: Database, after: Buffer | undefined, most: number) {
  const kind = after?.[0] ?? KIND_BYTE.chunk
  const entries = [...database.list(kind, after, most)]
  if (kind === KIND_BYTE.chunk && entries.length < most) {
    entries.push(...database.list(KIND_BYTE.node, undefined, most - entries.length))
  }
  return { entries, next: entries.length < most ? undefined : entries.at(-1)?.key }
}
