/** Bounds of a configuration; each names the harm it prevents. */
export const CONFIG_LIMITS = {
  /** Bytes of one source file: a wrong path (a disk image, say) is refused instead of read into memory. */
  sourceBytes: 16 * 1024 * 1024,
  /** Files that one configuration may consist of. */
  sourceFiles: 256,
  /** Bytes of an evaluated configuration on its way out of the evaluating process. */
  resultBytes: 64 * 1024 * 1024,
  /** Bytes that a configuration may print while it is evaluated. */
  printedBytes: 64 * 1024,
  /** Time that evaluating may take, start of the process included. */
  evaluationMs: 10_000,
  /** Heap of the evaluating process. */
  heapMiB: 256,
  /** Nesting of a configuration's values: bounds every walk over them. */
  depth: 32,
  /** Values in a configuration, all told. */
  values: 2_000_000,
  /** Entries of one section. */
  names: 65_536,
  /** Items of one list. */
  items: 4_096,
  /** Problems reported at once: more help nobody. */
  problems: 20,
  /** Names listed as what would have been allowed. */
  shownNames: 12,
} as const
