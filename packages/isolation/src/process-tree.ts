export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** R, S, D, T (stopped), Z (zombie) and so on. */
  readonly state: string
  readonly name: string
}

/** Text of /proc/PID/stat; the name stands in parentheses and may contain anything, parentheses too. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const match = /^(\d+) \((.*)\) (\S) (\d+) /s.exec(text)
  if (match === null) return undefined
  const [, pid, name = "", state = "", parent] = match
  return { pid: Number(pid), parent: Number(parent), state, name }
}
