import { execFile } from "node:child_process"
import { lstat, readFile, readlink, stat } from "node:fs/promises"
import { promisify } from "node:util"
import { IsolationError } from "../../backend.ts"
import type { HostFolder } from "./confinement.ts"
import { machineFor } from "./machine.ts"

const run = promisify(execFile)

/** What the QEMU backend has to know of the host. */
export interface QemuHost {
  /** As in process.arch. */
  readonly architecture: string
  readonly bwrapPath: string
  readonly folders: readonly HostFolder[]
  /** Changes whenever the program does: saved device states fit only the QEMU that made them. */
  readonly qemuIdentity: string
  /** For people. */
  readonly qemuVersion: string
  readonly cpuModel: string
  readonly kvm: KvmAccess
}

/** Who may open /dev/kvm: a domain's account is nobody's, so it needs the device's group, or a device for all. */
export type KvmAccess =
  | { readonly kind: "none" }
  | { readonly kind: "root" }
  | { readonly kind: "group"; readonly gid: number }
  | { readonly kind: "anyone" }

export function kvmAccess(device: { readonly mode: number; readonly gid: number } | undefined): KvmAccess {
  if (device === undefined) return { kind: "none" }
  if ((device.mode & 0o006) === 0o006) return { kind: "anyone" }
  // Membership in root's group would open more than this device.
  if ((device.mode & 0o060) === 0o060 && device.gid !== 0) return { kind: "group", gid: device.gid }
  return { kind: "root" }
}

const PROGRAM_FOLDERS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]

/** Fails with "unusable", saying what to install. */
export async function readQemuHost(architecture: string): Promise<QemuHost> {
  const machine = machineFor(architecture, "tcg")
  const qemuPath = await findProgram(machine.binary, machine.debianPackage)
  const bwrapPath = await findProgram("bwrap", "bubblewrap")
  await findProgram("setpriv", "util-linux")
  const [version, file, folders, cpuinfo] = await Promise.all([
    run(qemuPath, ["--version"]),
    stat(qemuPath),
    Promise.all(PROGRAM_FOLDERS.map(readFolder)),
    readFile("/proc/cpuinfo", "utf8"),
  ])
  const qemuVersion = version.stdout.split("\n")[0] ?? ""
  return {
    architecture,
    bwrapPath,
    folders: folders.filter((folder) => folder !== undefined),
    qemuIdentity: `${qemuVersion} ${file.size} ${file.mtimeMs}`,
    qemuVersion,
    cpuModel: /^(?:model name|cpu|CPU part)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? "unknown",
    kvm: kvmAccess(await stat("/dev/kvm").catch(() => undefined)),
  }
}

async function findProgram(name: string, debianPackage: string): Promise<string> {
  // Only where the sandbox shows programs too: what lies elsewhere could not be run inside.
  for (const directory of ["/usr/bin", "/usr/sbin", "/usr/local/bin"]) {
    const path = `${directory}/${name}`
    const isThere = await stat(path).then(
      (file) => file.isFile(),
      () => false,
    )
    if (isThere) return path
  }
  throw new IsolationError("unusable", `Cannot find ${name}; install it with: apt install ${debianPackage}`)
}

async function readFolder(name: string): Promise<HostFolder | undefined> {
  try {
    const entry = await lstat(`/${name}`)
    if (entry.isSymbolicLink()) return { name, kind: "symlink", target: await readlink(`/${name}`) }
    return entry.isDirectory() ? { name, kind: "directory" } : undefined
  } catch {
    return undefined // Not every host has all of them.
  }
}
