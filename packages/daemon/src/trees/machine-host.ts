import { randomBytes } from "node:crypto"
import { closeSync, existsSync } from "node:fs"
import { Socket } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { limitArguments } from "@skerry/files/sandbox"
import { type Domain, type ImageFiles, type IsolationBackend, waitsInKernel } from "@skerry/isolation"
import type { Linux } from "@skerry/linux"
import type { DomainId } from "@skerry/model"
import { Connection, type ExecParams, FILES } from "@skerry/rpc"
import { Agent } from "../agent.ts"
import { DaemonError, messageOf } from "../errors.ts"
import type { FileServer, FileServerHost, ServerRoot } from "./file-server.ts"
import { openVolume } from "./volume.ts"

export const MACHINE_LIMITS = {
  memoryMiB: 384,
  processes: 64,
  /** An emulated boot takes seconds; one that takes this long hangs, and is tried again. */
  bootMs: 60_000,
  bootTries: 3,
  /** Of what the server prints: the last of it explains its end. */
  lastWordsBytes: 2048,
  /** How long they may be on their way when its connection has closed already. */
  lastWordsMs: 3_000,
} as const

/** As no instance can be called: longer than its names. */
const MACHINE_ID = "files-that-the-state-store-is-served-by" as DomainId
const CONTROL_PORT = "skerry.files.control"
const clientPort = (label: number) => `skerry.client.${label}`

export interface MachineHostOptions {
  readonly linux: Linux
  /** Where the volume lies, and nothing else that it may see. */
  readonly stateDirectory: string
  /** Rejects with an error for people where this host has no machines. */
  readonly backend: () => Promise<IsolationBackend>
  /** undefined: nothing has been built. */
  readonly anyImage: () => Promise<ImageFiles | undefined>
  readonly now: () => number
}

/**
 * The state store's server in a domain of its own: it alone has the store's volume, and clients are joined to it port to
 * port, so that what they send never passes through the daemon.
 */
export class MachineHost implements FileServerHost {
  readonly #options: MachineHostOptions

  constructor(options: MachineHostOptions) {
    this.#options = options
  }

  async start(root: ServerRoot, signal: AbortSignal): Promise<FileServer> {
    if (root.kind !== "store") throw new Error("A directory of the host cannot be served from a machine")
    const image = await this.#image()
    const backend = await this.#options.backend()
    for (let attempt = 1; ; attempt++) {
      const deadline = AbortSignal.timeout(MACHINE_LIMITS.bootMs)
      try {
        return await this.#boot(backend, image, root.limitMiB, AbortSignal.any([signal, deadline]))
      } catch (error) {
        if (signal.aborted || !deadline.aborted || attempt === MACHINE_LIMITS.bootTries) throw error
      }
    }
  }

  /** The base alone: no application has any business beside the store. */
  async #image(): Promise<ImageFiles> {
    const image = await this.#options.anyImage()
    const base = image?.layers[0]
    if (image === undefined || base === undefined) {
      throw new DaemonError("not-built", 'Nothing has been built yet: run "skerry build"')
    }
    return { ...image, name: "base", digest: base.digest, layers: [base] }
  }

  async #boot(
    backend: IsolationBackend,
    image: ImageFiles,
    limitMiB: number | null,
    signal: AbortSignal,
  ): Promise<FileServer> {
    const { linux, now, stateDirectory } = this.#options
    const volume = await openVolume(join(stateDirectory, "store.volume"), signal)
    let domain: Domain
    try {
      const limits = { processes: MACHINE_LIMITS.processes, cpuWeight: 200 }
      const request = { id: MACHINE_ID, limits, onConsole: () => {}, volume }
      const shape = { memoryMiB: MACHINE_LIMITS.memoryMiB, vcpus: 1 }
      domain = await backend.boot(image, shape, request, signal)
    } finally {
      closeSync(volume)
    }
    await using started = new AsyncDisposableStack()
    started.use(domain)
    const agent = new Agent(domain.channel, now)
    await agent.answer(signal)
    const machineId = randomBytes(16).toString("hex")
    await agent.identify({ entropy: randomBytes(64), hostName: "files", machineId })
    const [ours, theirs] = linux.socketPair()
    const control = new Connection(new Socket({ fd: ours, readable: true, writable: true }))
    started.defer(() => control.close())
    await addPort(domain, CONTROL_PORT, theirs)
    const machine = new Machine(linux, domain, agent, control, limitMiB)
    await machine.ready(signal)
    started.move()
    return machine
  }
}

/** At most a file system's directory inside; the program makes the store in it. */
const BUSYBOX = "/usr/lib/skerry/busybox"
const STORE = "/var/lib/skerry/store"

const program = (limitMiB: number | null): ExecParams => ({
  argv: [
    ...[
      BUSYBOX,
      "sh",
      "-c",
      `umask 077; ${BUSYBOX} mkdir -p ${STORE} && exec /usr/lib/skerry/node "$@"`,
      "sh",
    ],
    ...["--max-old-space-size=96", "--max-semi-space-size=2", "--v8-pool-size=1"],
    ...["/usr/lib/skerry/files.cjs", "store", "--path", STORE],
    ...["--control-port", CONTROL_PORT, "--koffi", "/usr/lib/skerry/koffi.node"],
    ...limitArguments(limitMiB ?? undefined),
  ],
  environment: [
    ["MALLOC_ARENA_MAX", "1"],
    ["MALLOC_MMAP_THRESHOLD_", "1048576"],
    ["MALLOC_TRIM_THRESHOLD_", "4194304"],
  ],
  workingDirectory: "/",
  user: "root",
  terminal: undefined,
  descriptors: false,
})

class Machine implements FileServer {
  readonly control: Connection
  readonly ended: Promise<string>
  readonly #linux: Linux
  readonly #domain: Domain
  readonly #agent: Agent
  #untrustedLastWords = ""

  constructor(linux: Linux, domain: Domain, agent: Agent, control: Connection, limitMiB: number | null) {
    this.#linux = linux
    this.#domain = domain
    this.#agent = agent
    this.control = control
    const program = this.#run(limitMiB)
    this.ended = Promise.race([
      program,
      domain.exited.then((exit) => (exit.kind === "failed" ? exit.message : `its machine was ${exit.kind}`)),
      agent.lost.then(() => "its machine's agent does not answer"),
      // A program that ended has closed its connection, and says more than that.
      control.closed.then(() =>
        Promise.race([program, delay(MACHINE_LIMITS.lastWordsMs, "its connection was closed")]),
      ),
    ])
  }

  /** Resolves when the server answers; rejects with why it ended instead, or when the signal is aborted. */
  async ready(signal: AbortSignal): Promise<void> {
    const status = this.control.call(FILES.status, undefined, { signal })
    status.stdout.resume()
    try {
      await Promise.race([status.result, this.ended.then((why) => Promise.reject(new Error(why)))])
    } catch (cause) {
      if (signal.aborted) throw cause
      throw new DaemonError("unusable", await this.ended, { cause })
    }
  }

  async connect(label: number): Promise<number> {
    const [ours, theirs] = this.#linux.socketPair()
    try {
      await addPort(this.#domain, clientPort(label), theirs)
      return ours
    } catch (error) {
      closeSync(ours)
      throw error
    }
  }

  async disconnect(label: number): Promise<void> {
    await this.#domain.removePort?.(clientPort(label))
  }

  /** A thread of QEMU's waits for the disk on behalf of the machine. */
  isWaiting(): Promise<boolean> {
    return waitsInKernel(this.#domain.processes.pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.control.close()
    this.#agent.close()
    await this.#domain[Symbol.asyncDispose]()
  }

  /** The server's end, for people. Never rejects. */
  async #run(limitMiB: number | null): Promise<string> {
    const call = this.#agent.exec(program(limitMiB), () => {}, new AbortController().signal)
    call.stdin.end()
    for (const output of [call.stdout, call.stderr]) {
      output.on("data", (untrusted: Buffer) => {
        const words = this.#untrustedLastWords + untrusted.toString("latin1")
        this.#untrustedLastWords = words.slice(-MACHINE_LIMITS.lastWordsBytes)
      })
    }
    try {
      const { exit } = await call.result
      const how = exit.kind === "code" ? `status ${exit.code}` : `signal ${exit.signal}`
      return `it ended with ${how}: ${JSON.stringify(this.#untrustedLastWords.trim())}`
    } catch (error) {
      return messageOf(error)
    }
  }
}

async function addPort(domain: Domain, name: string, fd: number): Promise<void> {
  if (domain.addPort === undefined) {
    closeSync(fd)
    throw new DaemonError(
      "unusable",
      "This backend's machines take no ports: the state store cannot be served",
    )
  }
  await domain.addPort(name, fd)
}

/** Two stores under one home would hide each other: which one there is decides where it is served. */
export function checkPlace(stateDirectory: string, server: "process" | "vm"): void {
  const other = server === "vm" ? "store" : "store.volume"
  if (!existsSync(join(stateDirectory, other))) return
  const setting = server === "vm" ? "process" : "vm"
  throw new DaemonError(
    "unusable",
    `The state store lies in ${join(stateDirectory, other)}, which settings.state.server "${server}" does not read. ` +
      `Set it to "${setting}"; to move: "skerry backup" it, remove it, change the setting, and "skerry restore" the state`,
  )
}
