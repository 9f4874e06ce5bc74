import { closeSync } from "node:fs"
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import type { DomainId } from "@skerry/model"
import type { Accounts } from "../../accounts.ts"
import { type ImageFiles, IsolationError } from "../../backend.ts"
import type { Cgroups } from "../../cgroup.ts"
import { decompressKernel } from "./boot-kernel.ts"
import { qemuArguments } from "./command-line.ts"
import type { QemuHost } from "./host.ts"
import { type Acceleration, machineFor } from "./machine.ts"
import { onAbort, startQemu } from "./qemu-process.ts"
import { newMemory } from "./template-store.ts"
import { VerifiedFiles } from "./verified-files.ts"

const PROBE = {
  /** A processor that virtualises boots a kernel in a fraction of a second. */
  deadlineMs: 5_000,
  memoryMiB: 128,
} as const

const RECORD = "acceleration.json"

/** What was found, and why, for people. */
export interface AccelerationFinding {
  readonly acceleration: Acceleration
  readonly why: string
}

export interface ProbeOptions {
  readonly linux: Linux
  readonly accounts: Accounts
  readonly cgroups: Cgroups
  readonly cacheDirectory: string
  readonly host: QemuHost
  /** Any image: its kernel is booted. undefined where nothing has been built yet. */
  readonly image: ImageFiles | undefined
  /** Changes with each boot of the host: /proc/sys/kernel/random/boot_id. */
  readonly bootId: string
}

/**
 * Whether KVM works here: the device alone does not tell (under some hypervisors a guest never gets anywhere). A
 * kernel is booted once, with a deadline, and the answer kept until QEMU, the kernel or the host's boot changes.
 */
export async function probeAcceleration(options: ProbeOptions): Promise<AccelerationFinding> {
  const { host, image } = options
  if (host.kvm.kind === "none")
    return { acceleration: "tcg", why: "there is no /dev/kvm: the processor is emulated" }
  if (image === undefined) return { acceleration: "tcg", why: "not probed yet: nothing has been built" }
  const path = join(options.cacheDirectory, RECORD)
  const key = [host.qemuIdentity, image.kernel.digest, options.bootId].join(" ")
  const known = parseRecord(await readFile(path, "utf8").catch(() => ""), key)
  if (known !== undefined) return known
  let finding: AccelerationFinding
  try {
    finding = await tryKvm(options, image)
  } catch (error) {
    if (!(error instanceof IsolationError) || error.code !== "image-altered") throw error
    // It says nothing of the processor. Whoever wants to start that image is told.
    return { acceleration: "tcg", why: `not probed: ${error.message}` }
  }
  await mkdir(options.cacheDirectory, { recursive: true, mode: 0o700 })
  await writeFile(`${path}.${process.pid}`, JSON.stringify({ key, ...finding }), { mode: 0o600 })
  await rename(`${path}.${process.pid}`, path)
  return finding
}

/** What was found since the host's last boot; undefined where nothing was tried yet. */
export async function knownAcceleration(
  cacheDirectory: string,
  bootId: string,
): Promise<AccelerationFinding | undefined> {
  const text = await readFile(join(cacheDirectory, RECORD), "utf8").catch(() => "")
  const key = /"key":"([^"]*)"/.exec(text)?.[1]
  return key?.endsWith(` ${bootId}`) ? parseRecord(text, key) : undefined
}

/** A record of something else, or that cannot be read, is none: probing again costs seconds. */
export function parseRecord(text: string, key: string): AccelerationFinding | undefined {
  try {
    const untrusted: unknown = JSON.parse(text)
    if (typeof untrusted !== "object" || untrusted === null) return undefined
    if (!("key" in untrusted) || untrusted.key !== key || !("acceleration" in untrusted)) return undefined
    const { acceleration } = untrusted
    if (acceleration !== "kvm" && acceleration !== "tcg") return undefined
    return { acceleration, why: "why" in untrusted ? String(untrusted.why) : "" }
  } catch {
    return undefined
  }
}

async function tryKvm(options: ProbeOptions, image: ImageFiles): Promise<AccelerationFinding> {
  const { linux, accounts, cgroups, host } = options
  const signal = AbortSignal.timeout(PROBE.deadlineMs)
  const machine = machineFor(host.architecture, "kvm")
  const shape = { memoryMiB: PROBE.memoryMiB, vcpus: 1 }
  const verified = new VerifiedFiles()
  await using stack = new AsyncDisposableStack()
  const account = stack.adopt(accounts.take(), (each) => accounts.giveBack(each))
  const limits = { memoryBytes: 512 << 20, processes: 64, cpuWeight: 100 }
  const cgroup = stack.use(await cgroups.create("probe-kvm" as DomainId, limits))
  const never = new AbortController().signal
  const initramfs = stack.use(await verified.open(image.initramfs, image.name, never))
  const kernel = stack.use(await decompressKernel(linux, verified, image, never))
  const memory = stack.adopt(newMemory(linux, shape.memoryMiB), closeSync)
  const launch = { machine, acceleration: "kvm", shape, layerBytes: [], start: "boot-private" } as const
  try {
    const qemu = await startQemu({
      ...{ linux, account, cgroup, bwrapPath: host.bwrapPath, folders: host.folders, kvm: host.kvm },
      command: [machine.binary, ...qemuArguments(launch)],
      memoryFd: memory,
      stateOrKernel: kernel.fd,
      files: [initramfs.fd],
      onConsole: () => {},
      signal,
    })
    using _killed = onAbort(signal, () => qemu.kill())
    const end = await qemu.ended
    // Without layers /init gives up, which ends the machine: so far comes only a processor that works.
    if (!signal.aborted && end.code === 0) return { acceleration: "kvm", why: "KVM works" }
    const words = end.untrustedLastWords.trim().split("\n").at(-1)?.slice(0, 200)
    const why = signal.aborted
      ? `a guest did not boot within ${PROBE.deadlineMs / 1000} s`
      : `QEMU said ${JSON.stringify(words)}`
    return {
      acceleration: "tcg",
      why: `/dev/kvm is there but does not work, so the processor is emulated: ${why}`,
    }
  } catch (error) {
    const why = signal.aborted
      ? "QEMU did not start in time"
      : String(error instanceof Error ? error.message : error)
    return { acceleration: "tcg", why: `/dev/kvm cannot be used, so the processor is emulated: ${why}` }
  }
}
