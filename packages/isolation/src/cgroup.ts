import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { access, mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { DomainId } from "@skerry/model"
import { IsolationError } from "./backend.ts"
import { type CgroupDirectory, DomainCgroup, hasCode } from "./cgroup-domain.ts"
import {
  type CgroupLimits,
  candidateDirectories,
  type Hierarchy,
  limitWrites,
  parseHierarchies,
} from "./cgroup-layout.ts"

export interface CgroupOptions {
  /** Text of /proc/self/mountinfo and /proc/self/cgroup. */
  readonly mountinfo: string
  readonly selfCgroup: string
  readonly uid: number
  /** Tells installations on one host apart: the runtime directory. */
  readonly home: string
}

/** What the host lets us bound. */
export interface CgroupControls {
  readonly memory: boolean
  readonly processes: boolean
  readonly cpu: boolean
  /** A whole domain can be stopped and continued. */
  readonly freezer: boolean
}

/**
 * The cgroups of one installation; where the host allows none, domains get an empty one. Disposing of it removes
 * the directory that holds them, unless domains are still in it.
 */
export interface Cgroups extends AsyncDisposable {
  readonly controls: CgroupControls
  /** Why a control is missing and what would give it, for people; undefined where none is missing. */
  readonly reason: string | undefined
  /** Throws IsolationError "unusable"; leaves nothing behind then. The caller owns what it returns. */
  create(id: DomainId, limits: CgroupLimits): Promise<DomainCgroup>
  /** Kills and removes what a daemon that is gone has left. Call before the first create(). */
  sweep(): Promise<void>
}

/** Reads the two texts; `self` is this process. */
export async function readCgroupTexts(): Promise<Pick<CgroupOptions, "mountinfo" | "selfCgroup">> {
  const [mountinfo, selfCgroup] = await Promise.all([
    readFile("/proc/self/mountinfo", "utf8"),
    readFile("/proc/self/cgroup", "utf8"),
  ])
  return { mountinfo, selfCgroup }
}

const V2_CONTROLLERS = ["memory", "pids", "cpu"]

export async function openCgroups(options: CgroupOptions): Promise<Cgroups> {
  const hierarchies = parseHierarchies(options.mountinfo, options.selfCgroup)
  const subtree = join("skerry", createHash("sha256").update(options.home).digest("hex").slice(0, 12))
  const bases: CgroupDirectory[] = []
  const problems: string[] = []
  for (const hierarchy of hierarchies) {
    try {
      const base = await openBase(hierarchy, options.uid, subtree)
      if (base !== undefined) bases.push(base)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      problems.push(error.message)
    }
  }
  const controllers = new Set(bases.flatMap((base) => base.controllers))
  const controls = {
    memory: controllers.has("memory"),
    processes: controllers.has("pids"),
    cpu: controllers.has("cpu"),
    freezer: controllers.has("freezer") || bases.some((base) => base.version === 2),
  }
  return {
    controls,
    reason: describeMissing(controls, hierarchies, options.uid, problems),
    create: (id, limits) => createDomainCgroup(bases, id, limits),
    async sweep() {
      for (const id of new Set((await Promise.all(bases.map((base) => children(base.path)))).flat())) {
        await using _leftover = new DomainCgroup(
          bases.map((base) => ({ ...base, path: join(base.path, id) })),
        )
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { path } of bases) await removeEmpty(path, dirname(path))
    },
  }
}

async function openBase(
  hierarchy: Hierarchy,
  uid: number,
  subtree: string,
): Promise<CgroupDirectory | undefined> {
  const { version } = hierarchy
  for (const candidate of candidateDirectories(hierarchy, uid)) {
    if (!(await isOurs(candidate))) continue
    const path = join(candidate, subtree)
    await mkdir(path, { recursive: true })
    if (version === 1) return { version, controllers: hierarchy.controllers, path }
    const controllers: string[] = []
    for (const controller of V2_CONTROLLERS) {
      if (await enable(controller, candidate, subtree)) controllers.push(controller)
    }
    return { version, controllers, path }
  }
  return undefined
}

/** Creating directories is not enough: a process is moved only if the common parent's cgroup.procs may be written. */
async function isOurs(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK)
    await access(join(directory, "cgroup.procs"), constants.W_OK)
    return true
  } catch {
    return false // Not there or not ours: both mean that the next candidate has to do.
  }
}

/** Hands a controller down from `candidate` to the children of our subtree. False where the host does not. */
async function enable(controller: string, candidate: string, subtree: string): Promise<boolean> {
  let directory = candidate
  for (const step of ["", ...subtree.split("/")]) {
    directory = join(directory, step)
    const offered = (await readFile(join(directory, "cgroup.controllers"), "utf8")).split(/\s+/)
    if (!offered.includes(controller)) return false
    try {
      await writeFile(join(directory, "cgroup.subtree_control"), `+${controller}`)
    } catch (error) {
      // EBUSY: a directory that holds processes itself (a container's top) hands nothing down.
      if (hasCode(error, "EBUSY") || hasCode(error, "EACCES") || hasCode(error, "EROFS")) return false
      throw error
    }
  }
  return true
}

async function createDomainCgroup(
  bases: readonly CgroupDirectory[],
  id: DomainId,
  limits: CgroupLimits,
): Promise<DomainCgroup> {
  const made: CgroupDirectory[] = []
  try {
    for (const base of bases) {
      const directory = { ...base, path: join(base.path, id) }
      await mkdir(directory.path)
      made.push(directory)
      for (const { file, value, optional } of limitWrites(base.version, base.controllers, limits)) {
        await writeFile(join(directory.path, file), value, { flag: "r+" }).catch((error: unknown) => {
          if (!(optional && hasCode(error, "ENOENT"))) throw error
        })
      }
    }
    return new DomainCgroup(made)
  } catch (cause) {
    await new DomainCgroup(made)[Symbol.asyncDispose]()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new IsolationError("unusable", `Cannot put limits on "${id}": ${why}`, { cause })
  }
}

async function children(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

/** The upper directory is shared with other installations: it goes with the last one. */
async function removeEmpty(...directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    try {
      await rmdir(directory)
    } catch (error) {
      if (hasCode(error, "ENOENT")) continue
      if (hasCode(error, "EBUSY") || hasCode(error, "ENOTEMPTY")) return
      throw error
    }
  }
}

function describeMissing(
  controls: CgroupControls,
  hierarchies: readonly Hierarchy[],
  uid: number,
  problems: readonly string[],
): string | undefined {
  const missing = Object.entries(controls).flatMap(([name, available]) => (available ? [] : [name]))
  if (missing.length === 0) return undefined
  return `No control over ${missing.join(", ")}: ${describeCause(hierarchies, uid, problems)}`
}

function describeCause(hierarchies: readonly Hierarchy[], uid: number, problems: readonly string[]): string {
  if (hierarchies.length === 0) return "no cgroup file system is mounted; mount cgroup2 at /sys/fs/cgroup"
  if (problems.length > 0) return problems.join("; ")
  if (uid !== 0) {
    return (
      "no cgroup with these controllers is delegated to this session; " +
      "start the daemon with `systemd-run --user --scope -p Delegate=yes skerry daemon`, or install its unit"
    )
  }
  return "the kernel does not offer these controllers here, or the top cgroup holds processes itself (a container)"
}
