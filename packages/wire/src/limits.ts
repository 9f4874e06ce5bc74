/** Bounds of the byte codecs; each names the harm it prevents. */
export const WIRE_LIMITS = {
  /** Bytes in one frame's payload: bounds what one peer can make the other side hold at once. */
  frameBytes: 64 * 1024,
  /** Nesting of decoded values: bounds the decoder's stack. */
  depth: 16,
} as const
