import { readdir, readFile } from "node:fs/promises"
import { type ProcessStat, parseProcessStat } from "../../process-tree.ts"

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
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const texts = await Promise.all(names.map((name) => readFile(`/proc/${name}/stat`, "utf8").catch(() => "")))
  const all = texts.flatMap((text) => parseProcessStat(text) ?? [])
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
