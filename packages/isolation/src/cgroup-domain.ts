import { watch } from "node:fs"
import { readdir, readFile, rmdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { IsolationError } from "./backend.ts"
import { parseOomKills } from "./cgroup-layout.ts"

const CGROUP_LIMITS = {
  /** Killed processes that do not go away (stuck in the kernel) must not hold up the daemon for longer. */
  emptyMs: 10_000,
  /** Version 1 tells nobody when a cgroup gets empty, and rmdir can be early by a moment: look this often. */
  pollMs: 5,
}

/** A directory of one hierarchy. */
export interface CgroupDirectory {
  readonly version: 1 | 2
  readonly controllers: readonly string[]
  readonly path: string
}

/** The cgroups of one domain, one in each hierarchy. Disposing of it kills what is inside and removes them. */
export class DomainCgroup implements AsyncDisposable {
  readonly paths: readonly string[]
  readonly #directories: readonly CgroupDirectory[]
  #disposed: Promise<void> | undefined

  constructor(directories: readonly CgroupDirectory[]) {
    this.#directories = directories
    this.paths = directories.map((directory) => directory.path)
  }

  /** Moves a process in, with its threads; children that it has already stay where they are. */
  async add(pid: number): Promise<void> {
    for (const path of this.paths) await writeFile(join(path, "cgroup.procs"), String(pid))
  }

  /** Processes inside, as seen from the daemon's pid namespace. */
  async processes(): Promise<number[]> {
    const lists = await Promise.all(this.paths.map((path) => readIfThere(join(path, "cgroup.procs"))))
    const pids = lists.flatMap((list) => list.split("\n").map(Number))
    return [...new Set(pids.filter((pid) => pid > 0))]
  }

  /** How many processes the kernel has killed here because the memory limit was reached. */
  async oomKills(): Promise<number> {
    const memory = this.#directories.find((each) => each.controllers.includes("memory"))
    if (memory === undefined) return 0
    const file = memory.version === 2 ? "memory.events" : "memory.oom_control"
    return parseOomKills(await readIfThere(join(memory.path, file)))
  }

  /** Sends SIGKILL to every process inside, also to those that are being forked meanwhile. */
  async kill(): Promise<void> {
    const unified = this.#directories.find((each) => each.version === 2)
    if (unified !== undefined && (await killUnified(unified.path))) return
    for (const pid of await this.processes()) killProcess(pid)
  }

  /** Stops every process inside, or lets it go on; resolves when that has happened. Needs `controls.freezer`. */
  async freeze(frozen: boolean): Promise<void> {
    const unified = this.#directories.find((each) => each.version === 2)
    if (unified !== undefined) {
      await writeFile(join(unified.path, "cgroup.freeze"), frozen ? "1" : "0")
      return await untilEvent(unified.path, frozen ? /^frozen 1$/m : /^frozen 0$/m)
    }
    const freezer = this.#directories.find((each) => each.controllers.includes("freezer"))
    if (freezer === undefined) throw new IsolationError("unusable", "This host has no cgroup freezer")
    const state = join(freezer.path, "freezer.state")
    const wanted = frozen ? "FROZEN" : "THAWED"
    await poll(async () => {
      await writeFile(state, wanted)
      return (await readFile(state, "utf8")).trim() === wanted
    }, `freezer.state of ${freezer.path} to become ${wanted}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose()
    return this.#disposed
  }

  async #dispose(): Promise<void> {
    // A frozen process of version 1 takes no SIGKILL before it is thawed.
    const freezer = this.#directories.find(
      (each) => each.version === 1 && each.controllers.includes("freezer"),
    )
    if (freezer !== undefined) await writeIfThere(join(freezer.path, "freezer.state"), "THAWED")
    await this.kill()
    const unified = this.#directories.find((each) => each.version === 2)
    if (unified !== undefined) await untilEvent(unified.path, /^populated 0$/m)
    await poll(
      async () => {
        const left = await this.processes()
        for (const pid of left) killProcess(pid)
        return left.length === 0
      },
      `the processes in ${this.paths.join(", ")} to end`,
    )
    for (const path of this.paths) await poll(() => removeTree(path), `${path} to become removable`)
  }
}

/** False where the kernel has no cgroup.kill (before 5.14). */
async function killUnified(path: string): Promise<boolean> {
  try {
    await writeFile(join(path, "cgroup.kill"), "1", { flag: "r+" })
    return true
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false
    throw error
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch (error) {
    // Gone, or under a sub-uid that an ordinary user may not signal: whoever waits for the end reports that.
    if (!hasCode(error, "ESRCH") && !hasCode(error, "EPERM")) throw error
  }
}

/** cgroup.events is one of the few kernel files that report changes. */
async function untilEvent(path: string, wanted: RegExp): Promise<void> {
  const file = join(path, "cgroup.events")
  const isReached = async () => {
    const events = await readIfThere(file)
    return events === "" || wanted.test(events)
  }
  if (await isReached()) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => {
    isReached().then((reached) => reached && resolve(), reject)
  }
  const deadline = setTimeout(
    () =>
      reject(new IsolationError("unusable", `Waited ${CGROUP_LIMITS.emptyMs} ms for ${wanted} in ${file}`)),
    CGROUP_LIMITS.emptyMs,
  )
  try {
    const watcher = watch(file, look)
    watcher.on("error", look)
    look()
    await promise.finally(() => watcher.close())
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error
  } finally {
    clearTimeout(deadline)
  }
}

async function poll(isDone: () => Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + CGROUP_LIMITS.emptyMs
  while (!(await isDone())) {
    if (performance.now() > endMs) {
      throw new IsolationError("unusable", `Waited ${CGROUP_LIMITS.emptyMs} ms for ${what}`)
    }
    await delay(CGROUP_LIMITS.pollMs)
  }
}

/** Removes a cgroup and those below it; false while the kernel still counts a process in it. */
async function removeTree(path: string): Promise<boolean> {
  try {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.isDirectory() && !(await removeTree(join(path, entry.name)))) return false
    }
    await rmdir(path)
    return true
  } catch (error) {
    if (hasCode(error, "ENOENT")) return true
    if (hasCode(error, "EBUSY")) return false
    throw error
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENODEV")) return ""
    throw error
  }
}

async function writeIfThere(path: string, value: string): Promise<void> {
  try {
    await writeFile(path, value, { flag: "r+" })
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error
  }
}

export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code
