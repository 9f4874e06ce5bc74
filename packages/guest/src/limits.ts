/** What the host calls the port that the agent is reached by. */
export const CONTROL_PORT_NAME = "org.skerry.control"

/** Bounds of the agent. */
export const AGENT = {
  /** From TERM to KILL for a command whose caller went away: time to clean up, not to stay. */
  killGraceMs: 2000,
  /** A terminal's last output may still be on its way through the kernel when its command has ended. */
  terminalSettleMs: 20,
  /** Links followed and interpreters looked at are the kernel's business; this bounds a lookup's candidates. */
  pathEntries: 256,
  /** Between two looks at a control port whose host side is not connected: first, and at most. */
  reconnectMs: { first: 2, most: 50 },
  /** For the server of a service to take a connection: a queue that never moves is nobody. */
  connectMs: 10_000,
  /** Connections of programs to the call socket; more wait in its queue, as many as a program may leave there. */
  callers: 256,
  callersWaiting: 512,
  /** Until the next one is tried, where no descriptor was left for it. */
  acceptPauseMs: 100,
  /** Runs of each kind of command before the first ping: more do not make a clone's first command faster. */
  warmUpRuns: 12,
  /** Of these, after garbage was collected, which forgets what only the first runs needed, and a little more. */
  warmUpRunsAfterCollection: 4,
  /** Of all these, with a terminal too. */
  warmUpTerminals: 2,
  /** Read from a command at once: what one frame carries. */
  outputBytes: 64 * 1024,
} as const
