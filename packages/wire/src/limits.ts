/** Bounds of the byte codecs; each names the harm it prevents. */
export const WIRE_LIMITS = {
  /** Bytes in one frame's payload (64 KiB of stream data and its fields): bounds what a peer makes us assemble. */
  frameBytes: 64 * 1024 + 256,
  /** Nesting of decoded values: bounds the decoder's stack. */
  depth: 16,
} as const
