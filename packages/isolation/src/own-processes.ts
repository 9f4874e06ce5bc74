/**
 * The command line, `command` to follow, of a process namespace that ends with unshare, whose own end is what its starter sees. What is
 * the first process in there may fork in any way: nothing of it outlives it. bwrap needs that: killed between its fork and what it tells its
 * child then, it would leave a child that waits for it for ever. `options` are more of unshare's.
 */
export const ownProcesses = (options: readonly string[]): string[] => [
  ...["/usr/bin/unshare", ...options, "--pid", "--fork", "--kill-child=KILL", "--"],
]

/** unshare(1) ends by the signal that ended its child; with SIGKILL that attempt fails, and it says no more than this. */
const KILLED_BELOW = "unshare: sigprocmask unblock failed: Invalid argument"

/** Whether unshare's status and last words mean that the first process in its process namespace was killed. */
export const wasKilledBelow = (code: number | null, untrustedLastWords: string): boolean =>
  code === 1 && untrustedLastWords.trimEnd().endsWith(KILLED_BELOW)
