/** Bounds of one port. */
export const PORT_LIMITS = {
  /** Read from a port at once, and gathered for one write to it: more than one frame. */
  portBytes: 96 * 1024,
  /** Buffers for writing kept for the next port that has something to write: as many as write in one turn, mostly. */
  outputsKept: 8,
  /** Between two looks at a virtio port whose host side is not connected: first, and at most. */
  reconnectMs: { first: 2, most: 50 },
} as const
