/** Bounds of a policy; each names the harm it prevents. */
export const POLICY_LIMITS = {
  /** Characters of one file: a wrong path (an image, say) is refused instead of parsed. */
  fileCharacters: 4 * 1024 * 1024,
  /** Files of one directory, included ones too. */
  files: 4096,
  /** Files that include each other in a row. */
  includeDepth: 16,
  /** Lines that are read, repeated ones counted each time: two includes in each of 16 files would be 65,536 reads. */
  lines: 500_000,
  /** Rules of a policy: bounds what a call may cost. */
  rules: 100_000,
  /** Characters of one line: a call's service and argument are at most 60,000. */
  lineCharacters: 65_536,
  /** Problems reported at once: more help nobody. */
  problems: 20,
  /** Characters of `arg~=`: bounds the time that matching takes. */
  globCharacters: 256,
  /** Decisions kept for a pair of policy and system; all are dropped when there are more. */
  keptDecisions: 65_536,
  /** Rules that explain() names as having nearly matched. */
  nearMisses: 16,
} as const
