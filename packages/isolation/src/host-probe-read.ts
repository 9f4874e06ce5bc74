import { constants } from "node:fs"
import { access, readdir, readFile, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import { openCgroups, readCgroupTexts } from "./cgroup.ts"
import { type HostFacts, hostTools } from "./host-probe.ts"
import { runTool } from "./run-tool.ts"

export interface HostProbeOptions {
  readonly architecture: string
  readonly uid: number
  readonly userName: string
  /** Where programs are looked up. */
  readonly path: string
  /** What fills which disk. */
  readonly directories: Readonly<Record<string, string>>
  /** Tells this installation's cgroups apart. */
  readonly home: string
  readonly acceleration: HostFacts["acceleration"]
  readonly signal: AbortSignal
}

/** An account that certainly has no rights: what it can do, a domain's account can. */
const NOBODY = 65_534
/** A program that does not print its version within this time counts as not there. */
const VERSION_MS = 5_000

/** Reads what `skerry doctor` interprets; nothing here fails: what cannot be read is a fact too. */
export async function readHostFacts(options: HostProbeOptions): Promise<HostFacts> {
  const { architecture, uid, userName, path } = options
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(VERSION_MS)])
  const text = (file: string) => readFile(file, "utf8").catch(() => undefined)
  const sysctl = async (name: string) => (await text(`/proc/sys/${name}`))?.trim()
  const tools = hostTools(architecture)
  const [cpuinfo, meminfo, subuid, subgid, versions, iommus, tpmNames] = await Promise.all([
    text("/proc/cpuinfo"),
    text("/proc/meminfo"),
    text("/etc/subuid"),
    text("/etc/subgid"),
    Promise.all(tools.map((tool) => toolVersion(tool, path, signal))),
    namesIn("/sys/class/iommu"),
    namesIn("/sys/class/tpm"),
  ])
  const tpms = tpmNames.map(async (name) => ({
    name,
    majorVersion: (await text(`/sys/class/tpm/${name}/tpm_version_major`))?.trim(),
  }))
  return {
    architecture,
    uid,
    userName,
    cpuinfo: cpuinfo ?? "",
    meminfo: meminfo ?? "",
    subuid: subuid ?? "",
    subgid: subgid ?? "",
    kvm: {
      exists: await mayAccess("/dev/kvm", constants.F_OK),
      mayOpen: await mayAccess("/dev/kvm", constants.R_OK | constants.W_OK),
    },
    acceleration: options.acceleration,
    iommus,
    tpms: await Promise.all(tpms),
    sysctls: {
      maxUserNamespaces: await sysctl("user/max_user_namespaces"),
      unprivilegedUserNamespaces: await sysctl("kernel/unprivileged_userns_clone"),
      appArmorRestrictsUserNamespaces: await sysctl("kernel/apparmor_restrict_unprivileged_userns"),
    },
    userNamespaceProblem: await tryUserNamespace(uid, path, signal),
    cgroups: await readCgroups(uid, options.home),
    tools: Object.fromEntries(tools.map((tool, index) => [tool, versions[index]])),
    disks: await Promise.all(
      Object.entries(options.directories).map(async ([what, directory]) => ({
        what,
        path: directory,
        freeBytes: await freeBytes(directory),
      })),
    ),
  }
}

/** Some programs know no option for their version, or complain after printing it: that they are there has to do. */
async function toolVersion(tool: string, path: string, signal: AbortSignal): Promise<string | undefined> {
  if ((await findProgram(tool, path)) === undefined) return undefined
  if (tool === "newuidmap") return "installed"
  try {
    const output = await runTool({
      argv: [tool, tool.endsWith(".erofs") ? "-V" : "--version"],
      cwd: "/",
      path,
      signal,
    })
    return output.toString("utf8").split("\n")[0]?.trim() || "installed"
  } catch {
    return "installed"
  }
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(":")) {
    const program = `${directory}/${name}`
    if (await mayAccess(program, constants.X_OK)) return program
  }
  return undefined
}

async function tryUserNamespace(uid: number, path: string, signal: AbortSignal): Promise<string | undefined> {
  const drop = uid === 0 ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"] : []
  const argv = [...drop, "unshare", "--user", "--map-root-user", "--mount", "true"]
  try {
    await runTool({ argv, cwd: "/", path, signal })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function readCgroups(uid: number, home: string): Promise<HostFacts["cgroups"]> {
  try {
    await using cgroups = await openCgroups({ ...(await readCgroupTexts()), uid, home })
    return { controls: cgroups.controls, reason: cgroups.reason }
  } catch (error) {
    const controls = { memory: false, processes: false, cpu: false, freezer: false }
    return { controls, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Of the nearest directory that is there already. */
async function freeBytes(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch {
    return directory === dirname(directory) ? 0 : await freeBytes(dirname(directory))
  }
}

const namesIn = (directory: string) => readdir(directory).catch(() => [])

async function mayAccess(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode)
    return true
  } catch {
    return false
  }
}
