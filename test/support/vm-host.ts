import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import {
  Accounts,
  type Cgroups,
  type ImageFiles,
  type OpenQemuOptions,
  openCgroups,
  openQemu,
  readCgroupTexts,
} from "@skerry/isolation"
import { openLinux } from "@skerry/linux"
import type { ApplicationName } from "@skerry/model"
import { buildShared, sharedPaths } from "./image-build.ts"
import { type SAMPLE_PACKAGES, sampleSystem } from "./sample-system.ts"
import { agentOf } from "./vm-agent.ts"

export type VmBackend = Awaited<ReturnType<typeof openQemu>>

/** The smallest that the guest runs in with room for the tests' commands. */
export const VM_SHAPE = { memoryMiB: 256, vcpus: 1 }
export const VM_LIMITS = { processes: 256, cpuWeight: 50 }
/** Longest that one step may take on a busy machine that emulates. */
export const VM_STEP_MS = 120_000

/** A real image, built once for all tests; by default the base and an application without packages of its own. */
export async function vmImage(name: keyof typeof SAMPLE_PACKAGES = "scratch"): Promise<ImageFiles> {
  const { images } = await buildShared(sampleSystem())
  const image = images.get(name as ApplicationName)
  if (image === undefined) throw new Error(`The sample system has no application ${name}`)
  return image
}

/** What one test file needs of this host to run virtual machines; nothing of it is left after its disposal. */
export interface VmHost extends AsyncDisposable {
  /** For the test's own files. */
  readonly folder: string
  readonly image: ImageFiles
  readonly cgroups: Cgroups
  readonly accounts: Accounts
  /** Directories that hold our domains' cgroups: empty lists before and after a test. */
  readonly cgroupDirectories: readonly string[]
  readonly options: OpenQemuOptions
  /** A fresh backend. Templates stay from run to run unless a test names a cache of its own. */
  readonly open: (changes?: Partial<OpenQemuOptions>) => Promise<VmBackend>
}

export interface VmHostGiven {
  readonly image?: ImageFiles
  readonly cacheDirectory?: string
  /** What its cgroups are named after; otherwise its folder. */
  readonly home?: string
}

export async function openVmHost(given: VmHostGiven = {}): Promise<VmHost> {
  const image = given.image ?? (await vmImage())
  const cacheDirectory = given.cacheDirectory ?? join(sharedPaths().cache, "../../vm")
  await using stack = new AsyncDisposableStack()
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), "skerry-vm-")), (path) =>
    rm(path, { recursive: true, force: true }),
  )
  const linux = openLinux()
  const uid = process.getuid?.() ?? 0
  const cgroups = stack.use(
    await openCgroups({ ...(await readCgroupTexts()), uid, home: given.home ?? folder }),
  )
  const accounts = stack.use(
    new Accounts({
      uid,
      userName: userInfo().username,
      subuid: await readFile("/etc/subuid", "utf8"),
      subgid: await readFile("/etc/subgid", "utf8"),
      lockDirectory: join(folder, "locks"),
      tryLock: (fd) => linux.tryLock(fd),
    }),
  )
  const cgroupDirectories = await cgroupDirectoriesOf(cgroups)
  const held = stack.move()
  const options: OpenQemuOptions = {
    ...{ linux, cgroups, accounts, cacheDirectory, stateDirectory: cacheDirectory },
    architecture: process.arch,
    awaitAgent: (channel, signal) => agentOf(channel).answer(signal),
    anyImage: async () => image,
    onFinding: () => {},
  }
  return {
    ...{ folder, image, cgroups, accounts, cgroupDirectories, options },
    open: (changes = {}) => openQemu({ ...options, ...changes }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** The directories that have one for each domain. */
export async function cgroupDirectoriesOf(cgroups: Cgroups): Promise<string[]> {
  const limits = { memoryBytes: 1 << 30, ...VM_LIMITS }
  await using probe = await cgroups.create("vm-host-probe" as never, limits)
  return probe.paths.map((path) => join(path, ".."))
}
