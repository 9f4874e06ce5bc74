import type { Linux } from "@skerry/linux"
import type { DomainId } from "@skerry/model"
import type { Accounts } from "../../accounts.ts"
import type { ImageFiles, Limits, Shape, StartRequest } from "../../backend.ts"
import type { Cgroups } from "../../cgroup.ts"
import { type Launch, qemuArguments } from "./command-line.ts"
import type { KvmAccess, QemuHost } from "./host.ts"
import { openLaunchFiles } from "./launch-files.ts"
import type { Acceleration, Machine } from "./machine.ts"
import { panicWatch } from "./panic-watch.ts"
import { QemuDomain } from "./qemu-domain.ts"
import { type QemuProcess, startQemu } from "./qemu-process.ts"
import type { GuestSnapshot } from "./template-store.ts"
import type { VerifiedFiles } from "./verified-files.ts"

const MIB = 1024 * 1024

/** What QEMU itself may need beside the guest's memory, translation cache included. */
const OVERHEAD_MIB = 256

/** Without it QEMU gets neither the device nor a group. */
const NO_KVM: KvmAccess = { kind: "none" }

/** What every launch of one backend has in common. */
export interface Launcher {
  readonly linux: Linux
  readonly accounts: Accounts
  readonly cgroups: Cgroups
  readonly host: QemuHost
  readonly acceleration: Acceleration
  readonly machine: Machine
  readonly verified: VerifiedFiles
}

export interface LaunchRequest {
  /** Names its cgroup. */
  readonly id: DomainId
  readonly image: ImageFiles
  readonly shape: Shape
  readonly limits: Limits
  readonly start: Launch["start"]
  readonly memory: GuestSnapshot | number | undefined
  /** Open for reading and writing, the caller's; with "boot-with-volume" alone. */
  readonly volume?: number
  /** Ends it while it starts; later it has no effect. */
  readonly signal: AbortSignal
}

/**
 * A confined QEMU with an account and a cgroup of its own, which is nobody's domain yet. Disposing of it ends it,
 * unless it has become a domain.
 */
export interface Launched extends AsyncDisposable {
  readonly process: QemuProcess
  /** From now on the domain owns it; once it has ended and all is released, `onRelease` is called. */
  become(request: Pick<StartRequest, "id" | "onConsole">, onRelease: () => void): QemuDomain
}

/** Fails with "spawn-failed", "image-altered", "out-of-accounts" or "aborted"; nothing is left then. */
export async function launchQemu(launcher: Launcher, request: LaunchRequest): Promise<Launched> {
  const { linux, host, accounts, cgroups, acceleration, machine } = launcher
  const { shape, signal } = request
  using files = await openLaunchFiles({ ...launcher, ...request })
  await using started = new AsyncDisposableStack()
  const account = started.adopt(accounts.take(), (each) => accounts.giveBack(each))
  const limits = { memoryBytes: (shape.memoryMiB + OVERHEAD_MIB) * MIB, ...request.limits }
  const cgroup = started.use(await cgroups.create(request.id, limits))
  const { layerBytes } = files
  let showConsole = (_untrustedText: string) => {}
  const panic = panicWatch((untrustedText) => showConsole(untrustedText))
  const process = await startQemu({
    linux,
    ...host,
    kvm: acceleration === "kvm" ? host.kvm : NO_KVM,
    account,
    command: [machine.binary, ...qemuArguments({ machine, acceleration, layerBytes, ...request })],
    ...files,
    cgroup,
    onConsole: panic.onConsole,
    signal,
  })
  const held = started.move()
  const become: Launched["become"] = ({ id, onConsole }, onRelease) => {
    showConsole = onConsole
    return new QemuDomain({
      id,
      process,
      processes: { pid: process.pid, uid: account.uid, cgroups: cgroup.paths },
      untrustedPanic: panic.lastWords,
      oomKills: () => cgroup.oomKills(),
      memoryLimitBytes: limits.memoryBytes,
      release: async () => {
        onRelease()
        await held.disposeAsync()
      },
    })
  }
  return {
    process,
    become,
    async [Symbol.asyncDispose]() {
      await become({ id: request.id, onConsole: () => {} }, () => {})[Symbol.asyncDispose]()
    },
  }
}
