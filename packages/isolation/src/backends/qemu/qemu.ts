import { closeSync, readFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import type { Linux } from "@skerry/linux"
import type { DomainId } from "@skerry/model"
import type { Accounts } from "../../accounts.ts"
import {
  type AwaitAgent,
  type BootRequest,
  type Domain,
  type ImageFiles,
  type IsolationBackend,
  IsolationError,
  type Limits,
  type Shape,
  type StartRequest,
  type Template,
} from "../../backend.ts"
import type { Cgroups } from "../../cgroup.ts"
import { qemuArguments } from "./command-line.ts"
import type { QemuHost } from "./host.ts"
import { type Launched, type Launcher, type LaunchRequest, launchQemu } from "./launched.ts"
import { type Acceleration, machineFor } from "./machine.ts"
import { loadDevices, saveDevices } from "./migration.ts"
import { Prepared } from "./prepared.ts"
import { onAbort } from "./qemu-process.ts"
import { type GuestSnapshot, newMemory, sealSnapshot, TemplateStore } from "./template-store.ts"
import { VerifiedFiles } from "./verified-files.ts"

export const QEMU_LIMITS = {
  /** A boot that takes longer hangs; emulated boots take seconds. */
  bootMs: 60_000,
  /** Boots that hang are tried again: emulated kernels hang now and then. */
  bootTries: 3,
  /** After the agent's connection closed: how long to wait for the machine's own end, which says why. */
  lostAgentMs: 1_000,
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
  /** After a start, starts the process of the next one, which then waits without a guest. */
  readonly preparesAhead?: boolean
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
  readonly #launcher: Launcher
  readonly #store: TemplateStore
  readonly #prepared: Prepared<QemuTemplate> | undefined
  readonly #domains = new Set<Domain>()

  constructor(options: QemuOptions) {
    this.#options = options
    const machine = machineFor(options.host.architecture, options.acceleration)
    this.#launcher = { ...options, machine, verified: new VerifiedFiles() }
    const launch = (template: QemuTemplate, limits: Limits, signal: AbortSignal) =>
      this.#launch(cloneOf(template, `prepared-${nextPrepared++}` as DomainId, limits, signal))
    this.#prepared = options.preparesAhead ? new Prepared({ launch }) : undefined
    this.#store = new TemplateStore(options)
    this.features = { acceleration: options.acceleration, snapshots: true, descriptors: false, ports: true }
  }

  async prepare(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<Template> {
    await this.#launcher.verified.check(image, signal)
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
        if (!templates.delete(template)) return
        await this.#prepared?.drop(template)
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
    return await this.#clone(template, request, signal)
  }

  async boot(image: ImageFiles, shape: Shape, request: BootRequest, signal: AbortSignal): Promise<Domain> {
    await this.#launcher.verified.check(image, signal)
    const { id, limits } = request
    const launch = { id, limits, image, shape, memory: undefined, signal } as const
    const launched =
      request.volume === undefined
        ? await this.#launch({ ...launch, start: "boot-private" })
        : await this.#launch({ ...launch, start: "boot-with-volume", volume: request.volume })
    return this.#own(launched, request)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#prepared?.[Symbol.asyncDispose]()
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
      const { id, limits } = request
      const start = "boot-shared"
      const launched = await this.#launch({ id, limits, image, shape, start, memory: memoryFd, signal })
      {
        await using domain = this.#own(launched, request)
        await this.#untilAnswer(image, domain, signal)
        await saveDevices(launched.process, stateFd, signal)
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

  async #clone(template: QemuTemplate, request: StartRequest, signal: AbortSignal): Promise<Domain> {
    const { files } = template
    const ready = this.#prepared?.take(template, request.limits)
    if (ready !== undefined) {
      try {
        await this.#launcher.verified.check(files, signal)
      } catch (error) {
        await ready[Symbol.asyncDispose]()
        throw error
      }
    }
    const launched = ready ?? (await this.#launch(cloneOf(template, request.id, request.limits, signal)))
    const domain = this.#own(launched, request)
    using _killed = onAbort(signal, () => launched.process.kill())
    try {
      await loadDevices(launched.process)
      signal.throwIfAborted()
    } catch (error) {
      await domain[Symbol.asyncDispose]()
      if (signal.aborted) throw aborted(request.id)
      const { untrustedLastWords } = await launched.process.ended
      throw new IsolationError(
        "spawn-failed",
        `Cannot start "${request.id}": ${untrustedLastWords.trim() || String(error)}`,
        { cause: error },
      )
    }
    return domain
  }

  async #launch(request: LaunchRequest): Promise<Launched> {
    if (request.signal.aborted) throw aborted(request.id)
    return await launchQemu(this.#launcher, request)
  }

  #own(launched: Launched, request: StartRequest): Domain {
    const domain = launched.become(request, () => {
      this.#domains.delete(domain)
      this.#prepared?.domainEnded()
    })
    this.#domains.add(domain)
    return domain
  }

  #templateKey(image: ImageFiles, shape: Shape): string {
    const { host, acceleration } = this.#options
    const command = qemuArguments({
      machine: this.#launcher.machine,
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
let nextPrepared = 0

const isLive = (template: Template): template is QemuTemplate => templates.has(template)

const aborted = (what: string) => new IsolationError("aborted", `Stopped starting "${what}"`)

function cloneOf(template: QemuTemplate, id: DomainId, limits: Limits, signal: AbortSignal): LaunchRequest {
  const { files, shape, snapshot } = template
  return { id, image: files, shape, limits, start: "clone", memory: snapshot, signal }
}
