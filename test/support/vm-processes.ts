import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"

const LOOK_MS = 5

export function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
}

/** Domain by domain, the processes in the cgroups below these directories. */
export function membersBelow(directories: readonly string[]): Map<string, number[]> {
  const members = new Map<string, number[]>()
  for (const directory of directories) {
    for (const name of readdirSync(directory, { withFileTypes: true })) {
      if (!name.isDirectory()) continue
      const pids = textOf(join(directory, name.name, "cgroup.procs"))
        .trim()
        .split("\n")
        .map(Number)
      members.set(name.name, [...(members.get(name.name) ?? []), ...pids.filter((pid) => pid > 0)])
    }
  }
  return members
}

/** Resolves when no process is in them any more; rejects if that takes too long. */
export async function untilEmpty(directories: readonly string[], withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const left = [...membersBelow(directories).values()].flat()
    if (left.length === 0) return
    if (performance.now() > endMs) throw new Error(describe(left))
    await delay(LOOK_MS)
  }
}

/** Resolves when no process runs under these accounts any more; rejects if that takes too long. */
export async function untilNobody(withinMs: number, isMeant: (uid: number) => boolean): Promise<void> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const left = readdirSync("/proc").filter((pid) => {
      const status = /^\d+$/.test(pid) ? textOf(`/proc/${pid}/status`) : ""
      const uid = /^Uid:\t(\d+)/m.exec(status)?.[1]
      return uid !== undefined && isMeant(Number(uid)) && !/^State:\tZ/m.test(status)
    })
    if (left.length === 0) return
    if (performance.now() > endMs) throw new Error(describe(left.map(Number)))
    await delay(LOOK_MS)
  }
}

const describe = (pids: readonly number[]) =>
  `Still there: ${pids.map((pid) => textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200)).join("; ")}`

export interface Stopper extends Disposable {
  /** Those in which a QEMU was stopped. */
  readonly domains: ReadonlySet<string>
}

/** Stops every QEMU of a domain that is named so, as soon as it is seen, in at most so many domains. */
export function stopWhatStarts(directories: readonly string[], domain: RegExp, most = Infinity): Stopper {
  const domains = new Set<string>()
  const look = () => {
    for (const [name, pids] of membersBelow(directories)) {
      if (!domain.test(name) || (domains.size >= most && !domains.has(name))) continue
      for (const pid of pids.filter((each) => textOf(`/proc/${each}/comm`).startsWith("qemu"))) {
        if (stop(pid)) domains.add(name)
      }
    }
  }
  const timer = setInterval(look, LOOK_MS)
  return { domains, [Symbol.dispose]: () => clearInterval(timer) }
}

/** False where it has just ended. */
function stop(pid: number): boolean {
  try {
    return process.kill(pid, "SIGSTOP")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false
    throw error
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return "" // it has ended between being listed and being looked at
  }
}
