import { closeSync, readFileSync } from "node:fs"
import type { Linux } from "@skerry/linux"
import type { DomainId } from "@skerry/model"
import type { Accounts } from "../../accounts.ts"
import {
  type AwaitAgent,
  type Domain,
  type ImageFiles,
  type IsolationBackend,
  IsolationError,
  type Shape,
  type StartRequest,
  type Template,
} from "../../backend.ts"
import type { Cgroups } from "../../cgroup.ts"
import { decompressKernel } from "./boot-kernel.ts"
import { type Launch, qemuArguments } from "./command-line.ts"
import type { KvmAccess, QemuHost } from "./host.ts"
import { type Acceleration, type Machine, machineFor } from "./machine.ts"
import { QemuDomain } from "./qemu-domain.ts"
import { type QemuProcess, startQemu } from "./qemu-process.ts"
import { type GuestSnapshot, newMemory, sealSnapshot, TemplateStore } from "./template-store.ts"
import { VerifiedFiles } from "./verified-files.ts"

const MIB = 1024 * 1024

export const QEMU_LIMITS = {
  /** A boot that takes longer hangs; emulated boots take seconds. */
  bootMs: 60_000,
  /** Boots that hang are tried again: emulated kernels hang now and then. */
  bootTries: 3,
  /** What QEMU itself may need beside the guest's memory, translation cache included. */
  overheadMiB: 256,
  /** Console text that is searched for the kernel's last words. */
  panicCharacters: 4096,
} as const

export interface QemuOptions {
  readonly linux: Linux
  readonly accounts: Accounts
  readonly cgroups: Cgroups
  readonly cacheDirectory: string
  readonly stateDirectory: string
  readonly host: QemuHost
  /** What probing has found to work; "tcg" works everywhere. */
  readonly acceleration: Acceleration
  readonly awaitAgent: AwaitAgent
  readonly bootMs?: number
}

interface QemuTemplate extends Template {
  readonly kind: "qemu"
  readonly files: ImageFiles
  readonly snapshot: GuestSnapshot
}

/** Virtual machines in confined QEMU processes: level `vm`. */
export class QemuBackend implements IsolationBackend {
  readonly name = "qemu"
  readonly level = "vm"
  readonly features: IsolationBackend["features"]
  readonly #options: QemuOptions
  readonly #machine: Machine
  readonly #verified = new VerifiedFiles()
  readonly #store: TemplateStore
  readonly #domains = new Set<Domain>()

  constructor(options: QemuOptions) {
    this.#options = options
    this.#machine = machineFor(options.host.architecture, options.acceleration)
    this.#store = new TemplateStore(options)
    this.features = { acceleration: options.acceleration, snapshots: true, descriptors: false }
  }

  async prepare(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<Template> {
    await this.#verify(image, signal)
    const key = this.#templateKey(image, shape)
    const snapshot =
      (await this.#store.load(key, shape.memoryMiB, signal).catch((error: unknown) => {
        throw signal.aborted ? aborted(image.name) : error
      })) ?? (await this.#makeSnapshot(image, shape, signal))
    const template: QemuTemplate = {
      kind: "qemu",
      image: image.digest,
      shape,
      files: image,
      snapshot,
      [Symbol.asyncDispose]: async () => {
        templates.delete(template)
        snapshot[Symbol.dispose]()
      },
    }
    templates.add(template)
    return template
  }

  async start(template: Template, request: StartRequest, signal: AbortSignal): Promise<Domain> {
    if (!isLive(template)) {
      throw new IsolationError("spawn-failed", `Cannot start "${request.id}": its template was discarded`)
    }
    const { snapshot, files, shape } = template
    const domain = await this.#launch(files, shape, request, "clone", snapshot, signal)
    return domain.domain
  }

  async boot(image: ImageFiles, shape: Shape, request: StartRequest, signal: AbortSignal): Promise<Domain> {
    await this.#verify(image, signal)
    return (await this.#launch(image, shape, request, "boot-private", undefined, signal)).domain
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#domains].map((domain) => domain[Symbol.asyncDispose]()))
  }

  /** Boots until the agent answers, then saves the devices and seals the memory. */
  async #makeSnapshot(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<GuestSnapshot> {
    const bootMs = this.#options.bootMs ?? QEMU_LIMITS.bootMs
    for (let attempt = 1; ; attempt++) {
      const deadline = AbortSignal.timeout(bootMs)
      try {
        const snapshot = await this.#bootAndSave(image, shape, AbortSignal.any([signal, deadline]))
        await this.#store.save(this.#templateKey(image, shape), image.digest, snapshot)
        return snapshot
      } catch (error) {
        if (signal.aborted) throw aborted(image.name)
        if (!deadline.aborted) throw error
        if (attempt === QEMU_LIMITS.bootTries) {
          throw new IsolationError(
            "boot-timeout",
            `The guest of image "${image.name}" did not answer within ${bootMs / 1000} s, ${attempt} times; ` +
              "see: skerry logs, skerry doctor",
            { cause: error },
          )
        }
      }
    }
  }

  async #bootAndSave(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<GuestSnapshot> {
    const { linux } = this.#options
    const memoryFd = newMemory(linux, shape.memoryMiB)
    const stateFd = linux.memfdCreate("skerry-devices")
    try {
      const request = {
        id: `template-${image.digest.slice(7, 19)}-${nextTemplate++}` as DomainId,
        limits: { processes: 512, cpuWeight: 100 },
        onConsole: () => {},
      }
      const started = await this.#launch(image, shape, request, "boot-shared", memoryFd, signal)
      {
        await using domain = started.domain
        await this.#untilAnswer(image, domain, signal)
        await saveDevices(started.process, stateFd, signal)
      }
      const deviceState = readFileSync(`/proc/self/fd/${stateFd}`)
      return sealSnapshot(linux, memoryFd, deviceState)
    } catch (error) {
      closeSync(memoryFd)
      throw error
    } finally {
      closeSync(stateFd)
    }
  }

  async #untilAnswer(image: ImageFiles, domain: Domain, signal: AbortSignal): Promise<void> {
    const ended = domain.exited.then((exit) => {
      const why = exit.kind === "failed" ? exit.message : `it was ${exit.kind}`
      throw new IsolationError(
        "boot-failed",
        `The guest of image "${image.name}" ended before it answered: ${why}`,
      )
    })
    await Promise.race([this.#options.awaitAgent(domain.channel, signal), ended])
  }

  async #launch(
    image: ImageFiles,
    shape: Shape,
    request: StartRequest,
    start: Launch["start"],
    memory: GuestSnapshot | number | undefined,
    signal: AbortSignal,
  ): Promise<{ domain: Domain; process: QemuProcess }> {
    if (signal.aborted) throw aborted(request.id)
    const { linux, host, accounts, cgroups, acceleration } = this.#options
    await using started = new AsyncDisposableStack()
    const account = started.adopt(accounts.take(), (each) => accounts.giveBack(each))
    const cgroup = started.use(await cgroups.create(request.id, this.#cgroupLimits(shape, request)))
    // What the process inherits is closed here when this function ends; QEMU has it open then.
    using files = new DisposableStack()
    const layers = []
    for (const layer of image.layers)
      layers.push(files.use(await this.#verified.open(layer, image.name, signal)))
    let memoryFd: number
    let stateOrKernel: Buffer | number
    const inherited = layers.map(({ fd }) => fd)
    if (typeof memory === "object") {
      memoryFd = memory.memoryFd
      stateOrKernel = memory.deviceState
    } else {
      memoryFd = memory ?? files.adopt(newMemory(linux, shape.memoryMiB), closeSync)
      stateOrKernel = files.use(await decompressKernel(linux, this.#verified, image, signal)).fd
      inherited.unshift(files.use(await this.#verified.open(image.initramfs, image.name, signal)).fd)
    }
    const launch = {
      machine: this.#machine,
      acceleration,
      shape,
      start,
      layerBytes: layers.map(({ bytes }) => bytes),
    }
    const panic = panicWatch(request.onConsole)
    const process = await startQemu({
      linux,
      ...host,
      kvm: acceleration === "kvm" ? host.kvm : NO_KVM,
      account,
      command: [this.#machine.binary, ...qemuArguments(launch)],
      memoryFd,
      stateOrKernel,
      files: inherited,
      cgroup,
      onConsole: panic.onConsole,
    })
    const held = started.move()
    const domain = new QemuDomain({
      id: request.id,
      process,
      processes: { pid: process.pid, uid: account.uid, cgroups: cgroup.paths },
      untrustedPanic: panic.lastWords,
      release: async () => {
        this.#domains.delete(domain)
        await held.disposeAsync()
      },
    })
    this.#domains.add(domain)
    try {
      signal.throwIfAborted()
      if (start === "clone") await loadDevices(process)
      signal.throwIfAborted()
    } catch (error) {
      await domain[Symbol.asyncDispose]()
      if (signal.aborted) throw aborted(request.id)
      const { untrustedLastWords } = await process.ended
      throw new IsolationError(
        "spawn-failed",
        `Cannot start "${request.id}": ${untrustedLastWords.trim() || String(error)}`,
        {
          cause: error,
        },
      )
    }
    return { domain, process }
  }

  #cgroupLimits(shape: Shape, request: StartRequest) {
    return { memoryBytes: (shape.memoryMiB + QEMU_LIMITS.overheadMiB) * MIB, ...request.limits }
  }

  async #verify(image: ImageFiles, signal: AbortSignal): Promise<void> {
    for (const file of [image.kernel, image.initramfs, ...image.layers]) {
      using _open = await this.#verified.open(file, image.name, signal)
    }
  }

  #templateKey(image: ImageFiles, shape: Shape): string {
    const { host, acceleration } = this.#options
    const command = qemuArguments({
      machine: this.#machine,
      acceleration,
      shape,
      start: "boot-shared",
      layerBytes: image.layers.map(() => 0),
    })
    // A processor model of the host is part of what was saved.
    return TemplateStore.keyOf([image.digest, host.qemuIdentity, host.cpuModel, ...command])
  }
}

const templates = new WeakSet<object>()
let nextTemplate = 0

const isLive = (template: Template): template is QemuTemplate => templates.has(template)

const aborted = (what: string) => new IsolationError("aborted", `Stopped starting "${what}"`)

/** Without it QEMU gets neither the device nor a group. */
const NO_KVM: KvmAccess = { kind: "none" }

const IGNORE_SHARED = { capabilities: [{ capability: "x-ignore-shared", state: true }] }

/** The clone goes on by itself once it is loaded, because the template was saved running. */
async function loadDevices({ monitor }: QemuProcess): Promise<void> {
  await Promise.all([
    monitor.execute("migrate-set-capabilities", IGNORE_SHARED),
    monitor.execute("migrate-incoming", { uri: "fd:7" }),
  ])
}

async function saveDevices(qemu: QemuProcess, stateFd: number, signal: AbortSignal): Promise<void> {
  const { monitor } = qemu
  await monitor.execute("migrate-set-capabilities", IGNORE_SHARED)
  await qemu.giveDescriptor("devices", stateFd)
  await monitor.execute("migrate", { uri: "fd:devices" })
  for (;;) {
    signal.throwIfAborted()
    const untrusted = await monitor.execute("query-migrate")
    const status =
      typeof untrusted === "object" && untrusted !== null && "status" in untrusted ? untrusted.status : ""
    if (status === "completed") return
    if (status === "failed" || status === "cancelled") {
      throw new IsolationError(
        "boot-failed",
        `QEMU could not save the template: ${JSON.stringify(untrusted)}`,
      )
    }
  }
}

/** Passes the console on and remembers how the kernel ended, if it did. */
function panicWatch(onConsole: (untrustedText: string) => void) {
  let untrustedTail = ""
  let untrustedPanic: string | undefined
  return {
    onConsole(untrustedText: string) {
      onConsole(untrustedText)
      if (untrustedPanic !== undefined) return
      untrustedTail = (untrustedTail + untrustedText).slice(-QEMU_LIMITS.panicCharacters)
      const found = /Kernel panic - not syncing: ([^\r\n]{1,200})[\r\n]/.exec(untrustedTail)
      if (found?.[1] !== undefined) untrustedPanic = JSON.stringify(found[1])
    },
    lastWords: () => untrustedPanic,
  }
}
