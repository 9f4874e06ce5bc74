/** Bounds of a build, each with its unit and the harm that it prevents. */
export const LIMITS = {
  /** Bytes of a tool's output that are kept: a tool gone wild must not fill the builder's memory. */
  toolOutputBytes: 32 * 1024 * 1024,
  /** Bytes of a tool's words in an error message: a page of them helps nobody. */
  toolWordsBytes: 600,
  /** Bytes of a lock file or a generation's record: parsed whole in memory. */
  recordBytes: 16 * 1024 * 1024,
  /** Packages downloaded by one process: bounds its command line. */
  downloadBatch: 40,
} as const
