import { type ChildProcess, spawn } from "node:child_process"
import { closeSync } from "node:fs"
import { Socket } from "node:net"
import type { Readable, Writable } from "node:stream"
import { setTimeout as delay } from "node:timers/promises"
import type { Linux } from "@skerry/linux"
import type { DomainAccount } from "../../accounts.ts"
import { IsolationError } from "../../backend.ts"
import type { DomainCgroup } from "../../cgroup-domain.ts"
import { readConsole } from "../../console-pieces.ts"
import { readChildren } from "../../process-tree.ts"
import { confinedCommand, type HostFolder } from "./confinement.ts"
import type { KvmAccess } from "./host.ts"
import { Monitor } from "./monitor.ts"

/** Bytes of QEMU's own messages that are kept for an error. */
const LAST_WORDS_BYTES = 2048
/** How often to look whether the sandbox, which takes some 15 ms to make, is ready. */
const FORK_LOOK_MS = 1

export interface QemuLaunch {
  readonly linux: Linux
  readonly bwrapPath: string
  readonly folders: readonly HostFolder[]
  readonly account: DomainAccount
  readonly kvm: KvmAccess
  /** QEMU and its arguments, which count on the descriptors in this order from 3 on. */
  readonly command: readonly string[]
  readonly memoryFd: number
  /** What QEMU reads at descriptor 7: a device state to be sent to it, or an open file. */
  readonly stateOrKernel: Buffer | number
  /** Open files from descriptor 8 on. */
  readonly files: readonly number[]
  readonly cgroup: DomainCgroup
  readonly onConsole: (untrustedText: string) => void
  /** Ends it while it starts; later it has no effect. */
  readonly signal: AbortSignal
}

export interface QemuEnd {
  readonly code: number | null
  readonly signal: string | null
  readonly untrustedLastWords: string
}

/** A confined QEMU. */
export interface QemuProcess {
  readonly pid: number
  readonly control: Socket
  readonly monitor: Monitor
  /** Hands QEMU a descriptor of ours under a name (getfd). */
  giveDescriptor(name: string, fd: number): Promise<void>
  /** Ends it at once. */
  kill(): void
  /** Settles when no process of it is left. Never rejects. */
  readonly ended: Promise<QemuEnd>
}

/** Resolves once QEMU listens to its monitor; what goes wrong later shows in `ended`. Fails with "spawn-failed". */
export async function startQemu(launch: QemuLaunch): Promise<QemuProcess> {
  const { linux, stateOrKernel } = launch
  const [monitorFd, qemuMonitorFd] = linux.socketPair()
  const isClone = typeof stateOrKernel !== "number"
  const stdio: (number | "ignore" | "pipe")[] = [
    ...(["pipe", "ignore", "pipe"] as const), // the gate; QEMU's own messages come on stderr
    ...(["pipe", qemuMonitorFd, launch.memoryFd, "pipe"] as const),
    isClone ? "pipe" : stateOrKernel,
    ...(isClone ? ["ignore" as const] : []),
    ...launch.files,
  ]
  const infoFd = stdio.push("pipe") - 1
  const [program, ...args] = confinedCommand({ ...launch, infoFd }, launch.command)
  const child = spawn(program ?? "sh", args, { stdio, env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } })
  closeSync(qemuMonitorFd)
  const streams = child.stdio as unknown as readonly (Socket | undefined)[]
  const monitorSocket = new Socket({ fd: monitorFd })
  const control = streams[3] as Socket
  const consoleStream = streams[6] as Socket
  control.on("error", () => {})
  readConsole(consoleStream, launch.onConsole)
  const lastWords = collect(streams[2] as Readable)
  const kill = () => void child.kill("SIGKILL")
  const monitor = new Monitor(monitorSocket, kill)
  const gate = streams[0] as Writable
  gate.on("error", () => {}) // it ended early: `ended` says why
  const ended = whenEnded(child, monitorSocket, lastWords, () => {
    gate.destroy()
    launch.cgroup.kill().catch(() => {}) // its disposal kills again, and reports
  })
  using _killed = onAbort(launch.signal, kill)

  if (isClone) {
    const state = streams[7] as Writable & Socket
    state.on("error", () => {}) // QEMU ended early: `ended` says why
    state.end(stateOrKernel)
    state.resume()
  }
  try {
    // Whatever it starts is in the cgroup from its beginning.
    if (child.pid !== undefined) await launch.cgroup.add(child.pid)
    gate.write("sandbox\n")
    await untilMade(streams[infoFd] as Readable, ended)
    const pid = await qemuBelow(child.pid ?? 0, ended)
    gate.write("program\n")
    await monitor.ready
    return {
      pid,
      control,
      monitor,
      kill,
      ended,
      async giveDescriptor(name, fd) {
        const command = Buffer.from(`${JSON.stringify({ execute: "getfd", arguments: { fdname: name } })}\n`)
        await monitor.expect("getfd", () => linux.sendDescriptors(monitorFd, command, [fd]))
      },
    }
  } catch (error) {
    kill()
    const end = await ended
    if (launch.signal.aborted) throw new IsolationError("aborted", "Stopped starting QEMU", { cause: error })
    if (error instanceof IsolationError && error.code !== "spawn-failed") throw error
    const words = end.untrustedLastWords.trim() || (error instanceof Error ? error.message : String(error))
    throw new IsolationError("spawn-failed", `Cannot start QEMU in its sandbox: ${words}`, { cause: error })
  }
}

/** Calls `act` once the signal is aborted, or has been; not after it is disposed of. */
export function onAbort(signal: AbortSignal, act: () => void): Disposable {
  if (signal.aborted) act()
  signal.addEventListener("abort", act, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", act) }
}

/** bwrap writes {"child-pid": N, …}, N seen from its own process namespace, as soon as the child exists. */
async function untilMade(info: Readable, ended: Promise<QemuEnd>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let text = ""
  info.setEncoding("utf8")
  info.on("data", (piece: string) => {
    text += piece
    if (text.includes("}")) resolve()
  })
  info.on("error", reject)
  const early = ended.then(({ untrustedLastWords }) => {
    throw new IsolationError("spawn-failed", untrustedLastWords.trim() || "its sandbox ended at once")
  })
  await Promise.race([promise, early])
}

/** Below unshare: bwrap, its first process inside, and what that forks last of all, which is QEMU once the gate is open. */
async function qemuBelow(launcher: number, ended: Promise<QemuEnd>): Promise<number> {
  const bwrap = await onlyChild(launcher, ended)
  return await onlyChild(await onlyChild(bwrap, ended), ended)
}

/** Nothing tells of a fork. */
async function onlyChild(parent: number, ended: Promise<QemuEnd>): Promise<number> {
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  for (;;) {
    const [child] = await readChildren(parent)
    if (child !== undefined) return child
    if (hasEnded) throw new IsolationError("spawn-failed", "its sandbox ended at once")
    await delay(FORK_LOOK_MS)
  }
}

function collect(stderr: Readable): { text: string } {
  const lastWords = { text: "" }
  stderr.setEncoding("utf8")
  stderr.on("error", () => {})
  stderr.on("data", (untrustedText: string) => {
    lastWords.text = (lastWords.text + untrustedText).slice(-LAST_WORDS_BYTES)
  })
  return lastWords
}

/**
 * The launcher may be gone before QEMU is (both are killed together, but not in one moment): QEMU's end of the
 * monitor closes when the kernel has torn it down.
 */
async function whenEnded(
  child: ChildProcess,
  monitor: Socket,
  lastWords: { text: string },
  onLauncherExit: () => void,
): Promise<QemuEnd> {
  const exited = Promise.withResolvers<Omit<QemuEnd, "untrustedLastWords">>()
  child.once("error", (error) => {
    lastWords.text += `${error.message}\n`
    exited.resolve({ code: null, signal: null })
    monitor.destroy()
  })
  child.once("exit", (code, signal) => {
    onLauncherExit()
    exited.resolve({ code, signal })
  })
  const closed = new Promise<void>((resolve) => void monitor.once("close", () => resolve()))
  const [end] = await Promise.all([exited.promise, closed])
  for (const stream of child.stdio) stream?.destroy()
  return { ...end, untrustedLastWords: lastWords.text }
}
