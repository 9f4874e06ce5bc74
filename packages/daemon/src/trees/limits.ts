/** Bounds of directories in domains; each names the harm it prevents. */
export const TREE_LIMITS = {
  /** Trees of one domain at once: each takes a port of its machine, of which there are few. */
  perDomain: 16,
  /** A server is there in less, also where it is a machine that is emulated and has to be booted more than once. */
  startMs: 200_000,
  /** How long a domain's start waits for its directories, the start of their servers included. */
  mountMs: 240_000,
  /** How long a guest may take to mount one. */
  agentMountMs: 30_000,
  /** A call to the store that goes with a domain's start or end: a server that hangs must not hold that up for ever. */
  callMs: 120_000,
  /** How long a domain may take to write back what it holds before it is stopped all the same. */
  settleMs: 30_000,
  /** A guest that does not take its tree away within this time loses it all the same: revocation is not the guest's to delay. */
  unmountMs: 600,
  /** How long a server may take to make a client's last writes durable. */
  dropMs: 30_000,
  /** The first wait before a server that died is started anew; each further one is twice as long. */
  restartMs: 100,
  /** The longest such wait. */
  restartMostMs: 5_000,
  /** Deaths in a row, none of the servers having lived for `steadyMs`, after which its clients are given up. */
  restarts: 8,
  steadyMs: 60_000,
  /** Ends of servers that a client's requests may have been the reason for, before it is given up so that others can go on. */
  faults: 3,
  /** Deaths in a row after which clients are served again one after the other, so that it shows whose requests are the reason. */
  deathsTogether: 3,
  /** How long a server has to live on with a client before the next one is served then. */
  probationMs: 1_000,
  /** All of that, whatever number of clients there is: what is open in a guest fails when its server stays away for a minute. */
  probationsMs: 20_000,
  /** A server that does not say within this time that it is there is not. */
  answerMs: 5_000,
  /**
   * How often a running server is asked whether it is there, and at how many looks in a row the answer may be missing before it is
   * killed: generous, for one that is emulated or waits for a slow disk; less than the minute after which what is open in a guest fails.
   */
  lookMs: 10_000,
  hungLooks: 3,
  /** Versions are pruned so often at most. */
  pruneMs: 24 * 3_600_000,
  /** Directory grants at run time: bounds handles that are held open. */
  grants: 256,
  /** The longest time that a directory is granted for: a year. */
  grantSeconds: 366 * 86_400,
  /** How often grants are looked at for those that are over: an expiry takes effect within a second. */
  expiryMs: 250,
} as const
