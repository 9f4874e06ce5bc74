import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { readProcesses } from "./process-tree.ts"

/** What can be seen of us from outside; equal before and after, or something was left behind. */
export interface HostTraces {
  readonly descendants: readonly string[]
  readonly mounts: readonly string[]
  readonly files: readonly string[]
}

export async function hostTraces(directories: readonly string[]): Promise<HostTraces> {
  const [descendants, mountinfo, lists] = await Promise.all([
    ownDescendants(),
    readFile("/proc/self/mountinfo", "utf8"),
    Promise.all(directories.map(listing)),
  ])
  const isOurs = (mount: string) => directories.some((directory) => mount.includes(directory))
  return { descendants, mounts: mountinfo.split("\n").filter(isOurs), files: lists.flat() }
}

/** Names of the processes below this one. */
async function ownDescendants(): Promise<string[]> {
  const processes = await readProcesses()
  const found = new Set([process.pid])
  const names: string[] = []
  for (let grew = true; grew; ) {
    grew = false
    for (const { pid, parent, name } of processes) {
      if (found.has(pid) || !found.has(parent)) continue
      found.add(pid)
      names.push(`${name} ${pid}`)
      grew = true
    }
  }
  return names.toSorted(byText)
}

async function listing(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory, { recursive: true })
    return names.map((name) => join(directory, name)).toSorted(byText)
  } catch {
    return [] // Not there before the first domain, or not after the last.
  }
}

const byText = (a: string, b: string) => (a < b ? -1 : Number(a > b))
