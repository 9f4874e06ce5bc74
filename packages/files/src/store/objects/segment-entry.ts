import type { Sealed } from "./sealing.ts"
import { NONCE_BYTES, TAG_BYTES } from "./sealing.ts"

/*
 * An object in a segment file, from a multiple of 4096 on:
 *
 *   0 "SkO1"  4 flags u8  5 zero[3]  8 plain bytes u32  12 body bytes u32
 *  16 object key[33]  49 zero[3]  52 nonce[12]  64 body, tag[16]
 *
 * Numbers are little-endian. What is said here and where it stands is authenticated with the body.
 */
export const BLOCK_BYTES = 4096
export const HEADER_BYTES = 64
const MAGIC = 0x31_4f_6b_53
export const COMPRESSED = 1

export interface EntryHeader {
  readonly isCompressed: boolean
  readonly plainBytes: number
  readonly bodyBytes: number
  readonly objectKey: Uint8Array
  readonly nonce: Uint8Array
}

/** Bytes of an entry without what fills its last block. */
export const entryBytes = (bodyBytes: number) => HEADER_BYTES + bodyBytes + TAG_BYTES

/** What an entry takes of its segment. */
export const blocksOf = (bodyBytes: number) => wholeBlocks(entryBytes(bodyBytes))

export const wholeBlocks = (bytes: number) => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES

export function encodeHeader(
  objectKey: Uint8Array,
  isCompressed: boolean,
  plainBytes: number,
  sealed: Sealed,
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(MAGIC, 0)
  header[4] = isCompressed ? COMPRESSED : 0
  header.writeUInt32LE(plainBytes, 8)
  header.writeUInt32LE(sealed.body.length, 12)
  header.set(objectKey, 16)
  header.set(sealed.nonce, 52)
  return header
}

/** undefined: no entry begins here. Whether it is one that was written here, its tag says. */
export function decodeHeader(header: Buffer): EntryHeader | undefined {
  if (header.length < HEADER_BYTES || header.readUInt32LE(0) !== MAGIC) return undefined
  return {
    isCompressed: header[4] === COMPRESSED,
    plainBytes: header.readUInt32LE(8),
    bodyBytes: header.readUInt32LE(12),
    objectKey: header.subarray(16, 49),
    nonce: header.subarray(52, 52 + NONCE_BYTES),
  }
}

/** Where an object's body is. */
export interface Location {
  readonly segment: number
  readonly offset: number
}

/** What is authenticated with an object's body; without a location it stands in the index itself. */
export function objectContext(
  objectKey: Uint8Array,
  isCompressed: boolean,
  plainBytes: number,
  location: Location | undefined,
): Buffer {
  const context = Buffer.alloc(33 + 1 + 4 + 12)
  context.set(objectKey)
  context[33] = isCompressed ? COMPRESSED : 0
  context.writeUInt32LE(plainBytes, 34)
  if (location !== undefined) {
    context.writeUInt32LE(location.segment, 38)
    context.writeBigUInt64LE(BigInt(location.offset), 42)
  }
  return context
}
