import { setTimeout as delay } from "node:timers/promises"
import { type ProcessStat, readProcesses, readProcessStat } from "../../process-tree.ts"

/** Rounds over the process table: each stops what earlier ones had not seen, so few are ever needed. */
const STOP_ROUNDS = 100

/**
 * Stops a process and all below it, where there is no cgroup freezer. A process namespace has no other members:
 * what loses its parent becomes a child of the first process. A stopped process cannot fork, so rounds end.
 */
export async function stopTree(first: number): Promise<void> {
  for (let round = 0; round < STOP_ROUNDS; round++) {
    const running = (await membersOf(first)).filter(({ state }) => state !== "T" && state !== "Z")
    if (running.length === 0) return
    for (const { pid } of running) signal(pid, "SIGSTOP")
  }
  throw new Error(`Process ${first} makes new processes faster than they can be stopped`)
}

export async function continueTree(first: number): Promise<void> {
  for (const { pid } of await membersOf(first)) signal(pid, "SIGCONT")
}

async function membersOf(first: number): Promise<ProcessStat[]> {
  const all = await readProcesses()
  const members = all.filter(({ pid }) => pid === first)
  // Appending while iterating: each member brings its children.
  for (const { pid } of members) members.push(...all.filter(({ parent }) => parent === pid))
  return members
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

/** A killed process that does not end (stuck in the kernel) must not hold up the daemon for longer. */
const DEATH_MS = 10_000
/** Linux tells only the parent when a process ends, and that is bwrap or the host's first process: look this often. */
const DEATH_LOOK_MS = 2

/**
 * Resolves when the first process of a process namespace has ended: the kernel lets it do so only after all others in
 * there are gone. It may be left as a zombie that the host's first process has yet to collect.
 */
export async function untilDead(first: ProcessStat): Promise<void> {
  const endMs = performance.now() + DEATH_MS
  for (;;) {
    const now = await readProcessStat(first.pid)
    if (now === undefined || now.startTicks !== first.startTicks || now.state === "Z") return
    if (performance.now() > endMs) throw new Error(`process ${first.pid} does not end`)
    await delay(DEATH_LOOK_MS)
  }
}
