import { FILECOPY_LIMITS, RESULT_BYTES } from "./qfile.ts"

/*
 * Skerry's extension of the stream, where the service was called with the argument "resume":
 *
 *   sender: a header of zeros ── receiver: GREETING, and the stream begins as ever
 *                             ── a result: the peer knows only the plain stream, which has ended here: call it without
 *   (checksums begin here)
 *   sender: header and name of a file of at least `leastBytes`
 *     receiver: an offer: u32 0 · u32 0 · u64 offset · SHA-256 of the bytes that it has up to there
 *     sender:   u64 where it goes on: the offset, if its own bytes have that digest, or 0; then the content from there
 *
 * An offer looks like the beginning of a result, so that a failure may come in its place. A file that is complete
 * already is offered in full. Files below `leastBytes` are sent whole: where the same lies there already, that is fine.
 */

export const RESUME = {
  /** Of smaller files, sending takes less than asking. */
  leastBytes: FILECOPY_LIMITS.heldBytes,
  offerBytes: RESULT_BYTES + 32,
  startBytes: 8,
} as const

/** As long as the beginning of a result, and unlike any: an errno of this number there is not. */
export const GREETING = Buffer.from("SKERRY-RESUME-1\n", "latin1")

export interface Offer {
  readonly offset: number
  readonly sha256: Buffer
}

export function encodeOffer({ offset, sha256 }: Offer): Buffer {
  const bytes = Buffer.alloc(RESUME.offerBytes)
  bytes.writeBigUInt64LE(BigInt(offset), 8)
  sha256.copy(bytes, RESULT_BYTES)
  return bytes
}

export function encodeStart(start: number): Buffer {
  const bytes = Buffer.alloc(RESUME.startBytes)
  bytes.writeBigUInt64LE(BigInt(start))
  return bytes
}
