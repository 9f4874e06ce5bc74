import { join, relative } from "node:path"

/** One mounted cgroup tree. Version 2 has one for everything, version 1 one or more controllers in each. */
export interface Hierarchy {
  readonly version: 1 | 2
  /** Controllers of a version 1 tree; empty for version 2, whose directories list their own. */
  readonly controllers: readonly string[]
  readonly mountPoint: string
  /** Where this process is in it: a directory at or below `mountPoint`. */
  readonly own: string
}

const USED_CONTROLLERS: readonly string[] = ["memory", "pids", "cpu", "freezer"]

/** Finds the trees of use to us in the text of /proc/self/mountinfo and /proc/self/cgroup. */
export function parseHierarchies(mountinfo: string, selfCgroup: string): Hierarchy[] {
  const places = new Map<string, string>()
  for (const line of selfCgroup.split("\n")) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line)
    if (match) places.set(match[1] ?? "", match[2] ?? "/")
  }
  return mountinfo.split("\n").flatMap((line) => parseMount(line, places) ?? [])
}

/** mountinfo is: id parent major:minor root mountpoint options [tags…] - type source superoptions */
function parseMount(line: string, places: ReadonlyMap<string, string>): Hierarchy | undefined {
  const [before = "", after = ""] = line.split(" - ")
  const [, , , root, escapedMountPoint] = before.split(" ")
  const [type, , superOptions = ""] = after.split(" ")
  if (root === undefined || escapedMountPoint === undefined) return undefined
  const mountPoint = unescapeMount(escapedMountPoint)
  if (type === "cgroup2") {
    return { version: 2, controllers: [], mountPoint, own: ownDirectory(mountPoint, root, places.get("")) }
  }
  if (type !== "cgroup") return undefined
  const all = superOptions.split(",")
  const controllers = all.filter((option) => USED_CONTROLLERS.includes(option))
  if (controllers.length === 0) return undefined
  const place = [...places].find(([names]) =>
    names.split(",").some((name) => controllers.includes(name)),
  )?.[1]
  return { version: 1, controllers, mountPoint, own: ownDirectory(mountPoint, root, place) }
}

/** Both paths count from the cgroup namespace's root; a place outside of what is mounted counts as its top. */
function ownDirectory(mountPoint: string, root: string, place: string | undefined): string {
  const below = relative(root, place ?? root)
  return below === "" || below.startsWith("..") ? mountPoint : join(mountPoint, below)
}

const unescapeMount = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/**
 * Directories in which our subtree may be made, best first. Root takes the top, so that the next daemon finds what
 * a dead one left. An ordinary user gets a subtree from systemd, and may move processes only below a
 * directory that holds them already and is theirs: so every directory from the top down to our own. Version 1 cannot be delegated safely.
 */
export function candidateDirectories(hierarchy: Hierarchy, uid: number): string[] {
  if (uid === 0) return [hierarchy.mountPoint]
  if (hierarchy.version === 1) return []
  const steps = relative(hierarchy.mountPoint, hierarchy.own).split("/").filter(Boolean)
  return steps.map((_, index) => join(hierarchy.mountPoint, ...steps.slice(0, index + 1)))
}

export interface CgroupLimits {
  readonly memoryBytes: number
  /** Processes, threads counted. */
  readonly processes: number
  /** 1–10000, 100 is an ordinary share. */
  readonly cpuWeight: number
}

/** One write to a file of a cgroup directory. Writes happen in order: memsw may not be below the memory limit. */
export interface LimitWrite {
  readonly file: string
  readonly value: string
  /** Missing on some kernels (no swap accounting); the limit then holds without it. */
  readonly optional: boolean
}

/**
 * What to write into the directory of one hierarchy. Swap is not allowed: the bound on memory stays a bound, and what
 * a domain keeps in memory stays off the host's disk.
 */
export function limitWrites(
  version: 1 | 2,
  controllers: readonly string[],
  limits: CgroupLimits,
): LimitWrite[] {
  const write = (file: string, value: number, optional = false) => ({ file, value: String(value), optional })
  const writes: Record<string, LimitWrite[]> =
    version === 2
      ? {
          memory: [
            write("memory.max", limits.memoryBytes),
            write("memory.swap.max", 0, true),
            write("memory.oom.group", 1, true),
          ],
          pids: [write("pids.max", limits.processes)],
          cpu: [write("cpu.weight", limits.cpuWeight)],
        }
      : {
          memory: [
            write("memory.limit_in_bytes", limits.memoryBytes),
            write("memory.memsw.limit_in_bytes", limits.memoryBytes, true),
          ],
          pids: [write("pids.max", limits.processes)],
          cpu: [write("cpu.shares", sharesOfWeight(limits.cpuWeight))],
        }
  return controllers.flatMap((controller) => writes[controller] ?? [])
}

/** Version 1's ordinary share is 1024 where version 2's is 100; the kernel takes 2 to 262144. */
const sharesOfWeight = (weight: number) => Math.max(2, Math.round((weight * 1024) / 100))

/** How often the kernel killed a process here for want of memory: memory.events (2), memory.oom_control (1). */
export function parseOomKills(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
}
