import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { machine, userInfo } from "node:os"
import { delimiter, join } from "node:path"
import { findFilesServer } from "@skerry/files/find-program"
import {
  Accounts,
  type Cgroups,
  type ImageFiles,
  IsolationError,
  openBubblewrap,
  openCgroups,
  openQemu,
  processFilter,
  readCgroupTexts,
} from "@skerry/isolation"
import type { Linux } from "@skerry/linux"
import type { HostPaths } from "@skerry/model"
import { Agent } from "./agent.ts"
import type { BackendOpener } from "./backends.ts"
import { makePrivate } from "./home-lock.ts"
import type { FileServerHosts } from "./trees/file-server.ts"
import { MachineHost } from "./trees/machine-host.ts"
import { ProcessHost } from "./trees/process-host.ts"

export interface HostParts {
  readonly paths: HostPaths
  readonly uid: number
  /** PATH of the daemon: where backends look their programs up. */
  readonly path: string
  /** Shared by all daemons of this account, whatever their home: they draw on the same range of accounts. */
  readonly accountsDirectory: string
  readonly linux: Linux
  /** An image to try virtualisation with; undefined where nothing has been built. */
  readonly anyImage: () => Promise<ImageFiles | undefined>
  /** Something that was found out about this host, for the daemon's log. */
  readonly onNotice: (text: string) => void
}

/** The backends of this product on this host; to add one, add its opener here. */
export function hostBackends(parts: HostParts): {
  readonly openers: readonly BackendOpener[]
  readonly fileServers: FileServerHosts
  /** To be called after the backends were disposed of. */
  readonly release: () => Promise<void>
} {
  const { paths, uid, path, linux } = parts
  let shared: Promise<{ cgroups: Cgroups; accounts: Accounts }> | undefined
  const share = () => {
    shared ??= openShared(parts)
    return shared
  }
  const openMachines = async () =>
    openQemu({
      ...(await share()),
      linux,
      cacheDirectory: paths.cache,
      stateDirectory: paths.state,
      architecture: process.arch,
      preparesAhead: true,
      awaitAgent: (channel, signal) => new Agent(channel, Date.now).answer(signal),
      anyImage: parts.anyImage,
      onFinding: ({ why }) => parts.onNotice(`virtual machines: ${why}`),
    })
  let machines: ReturnType<typeof openMachines> | undefined
  const backendOfMachines = () => {
    machines ??= openMachines()
    return machines
  }
  return {
    openers: [
      { name: "qemu", level: "vm", open: backendOfMachines },
      {
        name: "bubblewrap",
        level: "process",
        open: async () =>
          openBubblewrap({
            bwrapPath: findProgram("bwrap", path, "bubblewrap"),
            path,
            cacheDirectory: paths.cache,
            ...(await share()),
            linux,
            architecture: machine(),
            randomBytes,
          }),
      },
    ],
    fileServers: {
      process: new ProcessHost({
        ...{ linux, uid, path },
        cgroups: async () => (await share()).cgroups,
        bwrapPath: () => findProgram("bwrap", path, "bubblewrap"),
        program: findFilesServer,
        seccomp: () => processFilter(machine()),
        storeDirectory: join(paths.state, "store"),
      }),
      vm: new MachineHost({
        ...{ linux, anyImage: parts.anyImage, now: Date.now },
        backend: backendOfMachines,
        stateDirectory: paths.state,
      }),
    },
    release: async () => {
      const opened = await shared?.catch(() => undefined)
      opened?.accounts[Symbol.dispose]()
      await opened?.cgroups[Symbol.asyncDispose]()
    },
  }

  async function openShared({ accountsDirectory }: HostParts) {
    const cgroups = await openCgroups({ ...(await readCgroupTexts()), uid, home: paths.runtime })
    // Domains end with their daemon; what its death left of them is cleared away before new ones are made.
    await cgroups.sweep()
    makePrivate(accountsDirectory, uid)
    const accounts = new Accounts({
      uid,
      userName: userInfo().username,
      subuid: textOf("/etc/subuid"),
      subgid: textOf("/etc/subgid"),
      lockDirectory: accountsDirectory,
      tryLock: (descriptor) => linux.tryLock(descriptor),
    })
    return { cgroups, accounts }
  }
}

function findProgram(name: string, path: string, debianPackage: string): string {
  for (const directory of path.split(delimiter)) {
    const candidate = join(directory, name)
    if (directory.startsWith("/") && existsSync(candidate)) return candidate
  }
  throw new IsolationError("unusable", `${name} is not installed: run "apt install ${debianPackage}"`)
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "")
