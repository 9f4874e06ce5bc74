/** Bounds of one mounted tree. */
export const TREE = {
  /**
   * Bytes of a message. What a message costs does not depend on its length; but v9fs takes memory in one stretch for each,
   * a power of two, which is the harder to find the longer it is.
   */
  messageBytes: 512 * 1024,
  /** Open or known files: some 200 bytes of the agent's memory each. */
  fids: 65_536,
  /** Requests of more bytes than this are read into memory of their own, which is kept for the next. */
  smallBytes: 16 * 1024,
  /** Long requests without an answer: each holds a message's bytes. The kernel waits for the others. */
  longRequests: 4,
  /** Names told when a file is claimed from a new server: deeper ones are found by their id. */
  reclaimNames: 256,
  /** Files claimed from a new server at once, before any answer. */
  reclaimsAtOnce: 64,
  /** Bytes of values that are being written as extended attributes, for a new server. */
  attributeBytes: 64 * 1024,
  /** Locks of one open file that are taken again from a new server. */
  locks: 1024,
  /** For the port that the host has added to show up. */
  portMs: 5_000,
  /** For the server to answer, and the kernel to mount. */
  mountMs: 15_000,
  /** For a server to come back, before its files fail. */
  outageMs: 60_000,
  /** Between two looks for a port: first, and at most. */
  lookMs: { first: 2, most: 50 },
  /** Bytes kept of what a program said that failed. */
  wordsBytes: 1024,
} as const
