import { constants } from "node:os"
import type { DomainExit } from "../../backend.ts"
import { wasKilledBelow } from "../../own-processes.ts"

export interface LauncherEnd {
  /** The launcher's own exit, as child_process reports it. */
  readonly code: number | null
  readonly signal: string | null
  /** The domain was disposed of before it ended. */
  readonly isStopped: boolean
  /** The last that the domain or its launcher printed. */
  readonly untrustedLastWords: string
}

/** bwrap ends with the agent's status, or 128 and the number of the signal that ended it. */
export function domainExit({ code, signal, isStopped, untrustedLastWords }: LauncherEnd): DomainExit {
  if (isStopped) return { kind: "stopped" }
  if (signal !== null) return { kind: "killed", signal }
  if (wasKilledBelow(code, untrustedLastWords)) return { kind: "killed", signal: "SIGKILL" }
  if (code === 0) return { kind: "powered-off" }
  const inner = code === null ? undefined : signalName(code - 128)
  if (inner !== undefined) return { kind: "killed", signal: inner }
  const words = untrustedLastWords.trim()
  return {
    kind: "failed",
    message: `the domain's first process ended with status ${code}${words && `: ${words}`}`,
  }
}

function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0]
}
