import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import type { Digest, DomainId } from "@skerry/model"
import type { Accounts } from "../../accounts.ts"
import {
  type Domain,
  type ImageFiles,
  type IsolationBackend,
  IsolationError,
  type Shape,
  type StartRequest,
  type Template,
} from "../../backend.ts"
import type { Cgroups } from "../../cgroup.ts"
import type { ProcessStat } from "../../process-tree.ts"
import { runTool } from "../../run-tool.ts"
import { probeCommand } from "./command-line.ts"
import { BubblewrapDomain } from "./domain.ts"
import { type Launcher, startLauncher } from "./launch.ts"
import { encodeFilter, seccompFilter } from "./seccomp.ts"
import { type Architecture, CALLS } from "./seccomp-calls.ts"
import { signal as sendSignal } from "./stop-tree.ts"
import { type ImageTrees, Trees } from "./trees.ts"

export interface BubblewrapOptions {
  readonly bwrapPath: string
  /** Where the other programs (unshare, mount, setpriv, find, fsck.erofs) are looked up. */
  readonly path: string
  /** trees/ is made here. */
  readonly cacheDirectory: string
  readonly cgroups: Cgroups
  readonly accounts: Pick<Accounts, "take" | "giveBack">
  readonly linux: Pick<Linux, "sendDescriptors">
  /** As os.machine() has it: x86_64, aarch64. */
  readonly architecture: string
  readonly randomBytes: (count: number) => Buffer
}

/** Characters of the console that are kept to explain a failure. */
const LAST_WORDS_CHARACTERS = 2000

function labelBytes(label: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(label)
  return bytes
}

/** Fails with "unusable" and says how to mend it. */
export async function openBubblewrap(options: BubblewrapOptions): Promise<IsolationBackend> {
  if (!Object.hasOwn(CALLS, options.architecture)) {
    throw new IsolationError(
      "unusable",
      `Backend bubblewrap has no table of system calls for ${options.architecture}; it has ${Object.keys(CALLS).join(", ")}`,
    )
  }
  const seccomp = encodeFilter(seccompFilter(CALLS[options.architecture as Architecture]))
  const trees = new Trees({ directory: join(options.cacheDirectory, "trees"), path: options.path })
  await trees.open()
  await probe(options, trees)
  return new Bubblewrap(options, trees, seccomp)
}

async function probe(options: BubblewrapOptions, trees: Trees): Promise<void> {
  const account = options.accounts.take()
  const argv = probeCommand(options.bwrapPath, account, trees.probeNames)
  const signal = new AbortController().signal
  try {
    await runTool({ argv, cwd: trees.directory, path: options.path, signal })
    for (const tool of ["find", "fsck.erofs"]) {
      await runTool({ argv: [tool, "--help"], cwd: "/", path: options.path, signal })
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new IsolationError(
      "unusable",
      `Backend bubblewrap cannot make its namespaces here: ${why}. It needs bubblewrap 0.8, util-linux, findutils, ` +
        "erofs-utils, and a kernel that lets ordinary accounts make user namespaces",
      { cause },
    )
  } finally {
    options.accounts.giveBack(account)
  }
}

class Bubblewrap implements IsolationBackend {
  readonly name = "bubblewrap"
  readonly level = "process"
  readonly features = {
    acceleration: "namespaces",
    snapshots: false,
    descriptors: true,
    ports: false,
  } as const
  readonly #options: BubblewrapOptions
  readonly #trees: Trees
  readonly #seccomp: Uint8Array
  /** Every start from its call to the end of its domain. */
  readonly #running = new Map<DomainId, Promise<Domain>>()
  readonly #disposal = new AbortController()

  constructor(options: BubblewrapOptions, trees: Trees, seccomp: Uint8Array) {
    this.#options = options
    this.#trees = trees
    this.#seccomp = seccomp
  }

  async prepare(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<Template> {
    const ended = AbortSignal.any([signal, this.#disposal.signal])
    const trees = await this.#trees.prepare(image.layers, image.name, ended)
    return new TreeTemplate(image.digest, shape, trees)
  }

  async start(template: Template, request: StartRequest, signal: AbortSignal): Promise<Domain> {
    if (!(template instanceof TreeTemplate) || template.isDisposed) {
      throw new IsolationError(
        "spawn-failed",
        `Cannot start "${request.id}": its template is not in use any more`,
      )
    }
    if (this.#running.has(request.id)) {
      throw new IsolationError(
        "spawn-failed",
        `Cannot start "${request.id}": a domain of that name is running`,
      )
    }
    const ended = AbortSignal.any([signal, this.#disposal.signal])
    const starting = this.#launch(template.trees, template.shape, request, ended)
    this.#running.set(request.id, starting)
    try {
      const domain = await starting
      void domain.exited.then(() => this.#running.delete(request.id))
      return domain
    } catch (error) {
      this.#running.delete(request.id)
      throw error
    }
  }

  async boot(image: ImageFiles, shape: Shape, request: StartRequest, signal: AbortSignal): Promise<Domain> {
    await using template = await this.prepare(image, shape, signal)
    return await this.start(template, request, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort()
    for (const starting of [...this.#running.values()]) {
      const domain = await starting.catch(() => undefined)
      await domain?.[Symbol.asyncDispose]()
    }
  }

  async #launch(
    trees: ImageTrees,
    shape: Shape,
    request: StartRequest,
    signal: AbortSignal,
  ): Promise<BubblewrapDomain> {
    const { id, limits } = request
    const { accounts, cgroups } = this.#options
    if (signal.aborted) throw aborted(id)
    const memoryBytes = shape.memoryMiB * 1024 * 1024
    const resources = new AsyncDisposableStack()
    let untrustedLastWords = ""
    let launcher: Launcher | undefined
    let first: ProcessStat | undefined
    try {
      const account = resources.adopt(accounts.take(), (each) => accounts.giveBack(each))
      const cgroup = resources.use(await cgroups.create(id, { memoryBytes, ...limits }))
      launcher = await startLauncher({
        launch: {
          bwrapPath: this.#options.bwrapPath,
          account,
          trees: trees.names,
          hostName: id,
          memoryBytes,
          processes: limits.processes,
        },
        cwd: this.#trees.directory,
        path: this.#options.path,
        machineId: this.#options.randomBytes(16).toString("hex"),
        seccomp: this.#seccomp,
        onConsole: (untrustedText) => {
          untrustedLastWords = (untrustedLastWords + untrustedText).slice(-LAST_WORDS_CHARACTERS)
          request.onConsole(untrustedText)
        },
      })
      await Promise.all([cgroup.add(launcher.pid), trees.check(signal)])
      if (signal.aborted) throw aborted(id)
      first = await launcher.open()
      if (signal.aborted) throw aborted(id)
      if (first === undefined) {
        const { code, signal: killedBy } = await launcher.ended
        const words = untrustedLastWords.trim()
        throw new IsolationError(
          "spawn-failed",
          `Cannot start "${id}": bwrap ended with ${killedBy ?? code}: ${words}`,
        )
      }
      return new BubblewrapDomain({
        ...launcher,
        id,
        pid: first.pid,
        uid: account.uid,
        cgroup,
        hasFreezer: cgroups.controls.freezer,
        sendDescriptors: (socketFd, descriptors, label) =>
          this.#options.linux.sendDescriptors(socketFd, labelBytes(label), descriptors),
        lastWords: () => untrustedLastWords,
        release: () => resources.disposeAsync(),
      })
    } catch (error) {
      if (first !== undefined) sendSignal(first.pid, "SIGKILL")
      launcher?.child.kill("SIGKILL")
      // A process that will not end keeps its cgroup, and that is what is reported.
      await Promise.allSettled([launcher?.ended])
      launcher?.channel.destroy()
      launcher?.descriptors.destroy()
      await resources.disposeAsync()
      throw error
    }
  }
}

const aborted = (id: DomainId) => new IsolationError("aborted", `The start of "${id}" was aborted`)

/** Nothing is kept running for it: the trees stay in the cache, and the kernel has their pages. */
class TreeTemplate implements Template {
  readonly image: Digest
  readonly shape: Shape
  readonly trees: ImageTrees
  isDisposed = false

  constructor(image: Digest, shape: Shape, trees: ImageTrees) {
    this.image = image
    this.shape = shape
    this.trees = trees
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true
  }
}
