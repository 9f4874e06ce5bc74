import { NONCE_BYTES, TAG_BYTES } from "./sealing.ts"
import { blocksOf, type Location } from "./segment-entry.ts"

/*
 * The value of an object's key in the index:
 *   0 flags u8 (1: compressed, 2: in a segment)  1 plain bytes u32
 *   5 nonce[12], body, tag[16]                             or
 *   5 body bytes u32  9 segment u32  13 offset u64
 */
const COMPRESSED = 1
const IN_SEGMENT = 2
const IN_SEGMENT_BYTES = 21

interface EveryEntry {
  readonly isCompressed: boolean
  readonly plainBytes: number
}
/** The object is in the index itself. */
export interface InlineEntry extends EveryEntry {
  readonly kind: "inline"
  /** As Sealer.sealWhole() made it. */
  readonly sealed: Uint8Array
}
export interface SegmentEntry extends EveryEntry {
  readonly kind: "segment"
  readonly bodyBytes: number
  readonly location: Location
}
export type IndexEntry = InlineEntry | SegmentEntry

export function encodeIndexEntry(entry: IndexEntry): Buffer {
  const flags = entry.isCompressed ? COMPRESSED : 0
  if (entry.kind === "inline") {
    const value = Buffer.allocUnsafe(5 + entry.sealed.length)
    value[0] = flags
    value.writeUInt32LE(entry.plainBytes, 1)
    value.set(entry.sealed, 5)
    return value
  }
  const value = Buffer.allocUnsafe(IN_SEGMENT_BYTES)
  value[0] = flags | IN_SEGMENT
  value.writeUInt32LE(entry.plainBytes, 1)
  value.writeUInt32LE(entry.bodyBytes, 5)
  value.writeUInt32LE(entry.location.segment, 9)
  value.writeBigUInt64LE(BigInt(entry.location.offset), 13)
  return value
}

/** undefined: no such value was ever written. */
export function decodeIndexEntry(value: Buffer): IndexEntry | undefined {
  if (value.length < 5) return undefined
  const flags = value[0] ?? 0
  if (flags > (COMPRESSED | IN_SEGMENT)) return undefined
  const every = { isCompressed: (flags & COMPRESSED) !== 0, plainBytes: value.readUInt32LE(1) }
  if ((flags & IN_SEGMENT) === 0) {
    if (value.length < 5 + NONCE_BYTES + TAG_BYTES) return undefined
    return { kind: "inline", ...every, sealed: value.subarray(5) }
  }
  if (value.length !== IN_SEGMENT_BYTES) return undefined
  const location = { segment: value.readUInt32LE(9), offset: Number(value.readBigUInt64LE(13)) }
  return { kind: "segment", ...every, bodyBytes: value.readUInt32LE(5), location }
}

/** Of the index, for the entry of one object: its key, and its share of a page. */
export const INDEX_BYTES = 96

/** What the object takes on disk. */
export const storedBytesOf = (entry: IndexEntry) =>
  INDEX_BYTES + (entry.kind === "inline" ? entry.sealed.length : blocksOf(entry.bodyBytes))
