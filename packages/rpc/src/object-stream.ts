import { bytes, type Decoded, oneOf, struct } from "@skerry/wire"

/**
 * One object of the state store in a byte stream: a u32 (little-endian) with the length of this record, then the record.
 * Backups carry the same objects. docs/protocol/state.md.
 */
export const ObjectRecord = struct({
  kind: oneOf("chunk", "node"),
  /** SHA-256. */
  digest: bytes({ max: 32 }),
  content: bytes({ max: 1024 * 1024 }),
})
export type ObjectRecord = Decoded<typeof ObjectRecord>
