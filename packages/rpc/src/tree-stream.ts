import { bytes, type Decoded, nothing, oneOf, struct, u16, u64, union } from "@skerry/wire"

/**
 * Files and directories as a byte stream, for import and export: each record as a u32 (little-endian) with its length,
 * then the record. An entry comes after its directory; a file's content follows its entry in pieces and holes.
 * docs/protocol/state.md.
 */
export const TreeRecord = union({
  entry: struct({
    entryKind: oneOf("file", "directory", "symlink"),
    /** Names from the imported directory, "/" between them; empty: that directory itself, which comes first. */
    path: bytes({ max: 64 * 1024 - 1024 }),
    mode: u16,
    /** Nanoseconds since 1970, or 0 before. */
    modifyTime: u64,
    /** Of a file: the sum of its pieces and holes. */
    size: u64,
    /** Of a symlink. */
    target: bytes({ max: 4095 }),
  }),
  piece: struct({ content: bytes({ max: 256 * 1024 }) }),
  /** So many zeros, which take no space: a guest makes a file of petabytes in an instant. */
  hole: struct({ bytes: u64 }),
  /** Nothing was cut off. */
  end: nothing,
})
export type TreeRecord = Decoded<typeof TreeRecord>
