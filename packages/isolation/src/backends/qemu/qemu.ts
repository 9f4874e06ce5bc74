import { closeSync, readFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
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
import { type Launch, qemuArguments } from "./command-line.ts"
import type { KvmAccess, QemuHost } from "./host.ts"
import { openLaunchFiles } from "./launch-files.ts"
import { type Acceleration, type Machine, machineFor } from "./machine.ts"
import { loadDevices, saveDevices } from "./migration.ts"
import { panicWatch } from "./panic-watch.ts"
import { QemuDomain } from "./qemu-domain.ts"
import { onAbort, type QemuProcess, startQemu } from "./qemu-process.ts"
import { type GuestSnapshot, newMemory, sealSnapshot, TemplateStore } from "./template-store.ts"
import { VerifiedFiles } from "./verified-files.ts"

const MIB = 1024 * 1024

export const QEMU_LIMITS = {
  /** A boot that takes longer hangs; emulated boots take seconds. */
  bootMs: 60_000,
  /** Boots that hang are tried again: emulated kernels hang now and then. */
  bootTries: 3,
  /** After the agent's connection closed: how long to wait for the machine's own end, which says why. */
  lostAgentMs: 1_000,
  /** What QEMU itself may need beside the guest's memory, translation cache included. */
  overheadMiB: 256,
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
    await this.#verified.check(image, signal)
    const key = this.#templateKey(image, shape)
    const loaded = await this.#store.load(key, shape.memoryMiB, signal).catch((error: unknown) => {
      throw signal.aborted ? aborted(image.name) : error
    })
    const snapshot = loaded ?? (await this.#makeSnapshot(key, image, shape, signal))
    const template: QemuTemplate = {
      kind: "qemu",
      image: image.digest,
      shape,
      files: image,
      snapshot,
      [Symbol.asyncDispose]: async () => {
        // Its descriptor's number may be another file's by the second time.
        if (templates.delete(template)) snapshot[Symbol.dispose]()
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
    await this.#verified.check(image, signal)
    return (await this.#launch(image, shape, request, "boot-private", undefined, signal)).domain
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#domains].map((domain) => domain[Symbol.asyncDispose]()))
  }

  async #makeSnapshot(
    key: string,
    image: ImageFiles,
    shape: Shape,
    signal: AbortSignal,
  ): Promise<GuestSnapshot> {
    const snapshot = await this.#bootUntilAnswer(image, shape, signal)
    try {
      await this.#store.save(key, image.digest, snapshot)
      return snapshot
    } catch (cause) {
      snapshot[Symbol.dispose]()
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new IsolationError(
        "cache-unwritable",
        `Cannot keep the template of image "${image.name}" in ${this.#options.cacheDirectory}: ${why}; ` +
          "make room there, or make it writable",
        { cause },
      )
    }
  }

  /** A boot that hangs is tried again, a few times. */
  async #bootUntilAnswer(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<GuestSnapshot> {
    const bootMs = this.#options.bootMs ?? QEMU_LIMITS.bootMs
    for (let attempt = 1; ; attempt++) {
      const deadline = AbortSignal.timeout(bootMs)
      try {
        return await this.#bootAndSave(image, shape, AbortSignal.any([signal, deadline]))
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

  /** Boots until the agent answers, then saves the devices and seals the memory. */
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
    const end = domain.exited.then((exit) => (exit.kind === "failed" ? exit.message : `it was ${exit.kind}`))
    const answer = this.#options.awaitAgent(domain.channel, signal)
    try {
      await Promise.race([answer, end.then(() => Promise.reject(new Error("The domain has ended")))])
    } catch (cause) {
      if (signal.aborted) throw cause
      // The machine's own end explains a lost agent better than the loss does.
      const why = await Promise.race([end, delay(QEMU_LIMITS.lostAgentMs)])
      const what = `The guest of image "${image.name}"`
      throw new IsolationError(
        "boot-failed",
        why === undefined
          ? `${what} has an agent that does not answer as it should: ${cause instanceof Error ? cause.message : cause}; run: skerry build`
          : `${what} ended before it answered: ${why}`,
        { cause },
      )
    }
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
    using files = await openLaunchFiles({ linux, verified: this.#verified, image, shape, memory, signal })
    await using started = new AsyncDisposableStack()
    const account = started.adopt(accounts.take(), (each) => accounts.giveBack(each))
    const limits = this.#cgroupLimits(shape, request)
    const cgroup = started.use(await cgroups.create(request.id, limits))
    const { layerBytes } = files
    const launch = { machine: this.#machine, acceleration, shape, start, layerBytes }
    const panic = panicWatch(request.onConsole)
    const process = await startQemu({
      linux,
      ...host,
      kvm: acceleration === "kvm" ? host.kvm : NO_KVM,
      account,
      command: [this.#machine.binary, ...qemuArguments(launch)],
      ...files,
      cgroup,
      onConsole: panic.onConsole,
      signal,
    })
    const held = started.move()
    const domain = new QemuDomain({
      id: request.id,
      process,
      processes: { pid: process.pid, uid: account.uid, cgroups: cgroup.paths },
      untrustedPanic: panic.lastWords,
      oomKills: () => cgroup.oomKills(),
      memoryLimitBytes: limits.memoryBytes,
      release: async () => {
        this.#domains.delete(domain)
        await held.disposeAsync()
      },
    })
    this.#domains.add(domain)
    using _killed = onAbort(signal, () => process.kill())
    try {
      if (start === "clone") await loadDevices(process)
      signal.throwIfAborted()
    } catch (error) {
      await domain[Symbol.asyncDispose]()
      if (signal.aborted) throw aborted(request.id)
      const { untrustedLastWords } = await process.ended
      throw new IsolationError(
        "spawn-failed",
        `Cannot start "${request.id}": ${untrustedLastWords.trim() || String(error)}`,
        { cause: error },
      )
    }
    return { domain, process }
  }

  #cgroupLimits(shape: Shape, request: StartRequest) {
    return { memoryBytes: (shape.memoryMiB + QEMU_LIMITS.overheadMiB) * MIB, ...request.limits }
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
