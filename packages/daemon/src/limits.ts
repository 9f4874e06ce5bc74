/** Bounds of the daemon; each names the harm it prevents. Those a person may want to change are in Settings. */
export const DAEMON_LIMITS = {
  /** A fresh agent answers identify in well under a second; slower than this means it never will. */
  identifyMs: 20_000,
  /** A resumed agent takes the time; as above. */
  resumeMs: 20_000,
  /** How long a domain may take to end by itself once asked to, before it is killed. */
  stopGraceMs: 5_000,
  /** After the agent's connection closed: how long to wait for the reason (the domain's own end) before killing it. */
  lostAgentMs: 1_000,
  /** Commands running in one domain at once: fewer than the calls that the agent's connection may have open. */
  commandsPerDomain: 200,
  /** Services that one domain runs for callers at once: with its commands, fewer than its connection may have open. */
  servicesPerDomain: 288,
  /** A client that waits for a start is told how far it is this often: a quick start says nothing. */
  waitingReportMs: 250,
  /** Templates kept loaded without a domain running from them: bounds open files and memory maps. */
  templates: 16,
  /** Bytes of log kept in memory per instance: a guest that prints without end costs no more. */
  journalBytes: 256 * 1024,
  /** Instances whose log is kept after their domains ended. */
  journals: 256,
  /** Characters of one line from a guest's console; the rest of the line is cut. */
  consoleLineCharacters: 1024,
  /** Bytes of the daemon's own log file before it starts over. */
  logFileBytes: 1024 * 1024,
  /** What a paused clone is taken to cost before one was measured. */
  standbyEstimateMiB: 64,
  /** Nothing must have started for so long before the pool is refilled: a command just begun has the processors. */
  standbyQuietMs: 400,
  /** Wall clock and monotonic clock drifting apart by more than this is a jump: guests are told the time. */
  clockJumpMs: 500,
  clockCheckMs: 1_000,
  /** A client that offered descriptors must hand them over within this time. */
  descriptorsMs: 5_000,
  /** The whole daemon's orderly end: then whatever still runs is killed with it. */
  shutdownMs: 75_000,
} as const
