import { readdir, readFile } from "node:fs/promises"

export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** R, S, D, T (stopped), Z (zombie) and so on. */
  readonly state: string
  readonly name: string
  /** When it started, in clock ticks since the host booted: tells it from a later process of the same number. */
  readonly startTicks: number
}

/** Text of /proc/PID/stat; the name stands in parentheses and may contain anything, parentheses too. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const match = /^(\d+) \((.*)\) (\S) (.*)/s.exec(text)
  if (match === null) return undefined
  const [, pid, name = "", state = "", rest = ""] = match
  // proc_pid_stat(5) counts from 1: pid, name and state are fields 1 to 3.
  const fields = rest.split(" ").map(Number)
  const [parent, startTicks] = [fields[4 - 4], fields[22 - 4]]
  if (parent === undefined || startTicks === undefined) return undefined
  return { pid: Number(pid), parent, state, name, startTicks }
}

/** Undefined where there is no such process. A zombie still is one. */
export async function readProcessStat(pid: number | string): Promise<ProcessStat | undefined> {
  return parseProcessStat(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""))
}

/**
 * Whether a thread of it waits in the kernel for what nothing can interrupt, as for a slow disk (state D). False where there is no such
 * process.
 */
export async function waitsInKernel(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const stats = await Promise.all(threads.map((thread) => readProcessStat(`${pid}/task/${thread}`)))
  return stats.some((stat) => stat?.state === "D")
}

/** Empty where there is no such process. For a process of one thread. */
export async function readChildren(pid: number): Promise<number[]> {
  const pids = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "")
  return pids.split(" ").filter(Boolean).map(Number)
}

/** Every process that we can see. */
export async function readProcesses(): Promise<ProcessStat[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  return (await Promise.all(pids.map(readProcessStat))).flatMap((stat) => stat ?? [])
}
