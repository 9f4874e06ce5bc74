import type { ChildProcess } from "node:child_process"
import {
  chownSync,
  closeSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
} from "node:fs"
import { Socket } from "node:net"
import { join } from "node:path"
import { type LaunchedServer, launchFilesServer } from "@skerry/files/launch"
import type { FilesServer } from "@skerry/files/sandbox"
import { type Cgroups, type DomainCgroup, readChildren, waitsInKernel } from "@skerry/isolation"
import type { Linux } from "@skerry/linux"
import { type DomainId, printableLines } from "@skerry/model"
import { Connection, FILES } from "@skerry/rpc"
import { DaemonError, messageOf } from "../errors.ts"
import type { FileServer, FileServerHost, ServerRoot } from "./file-server.ts"
import { openAgain } from "./open-directory.ts"
import { processCommand, STORE_ACCOUNT } from "./process-command.ts"

/**
 * What one may take. It needs less than 150 MB (docs/performance.md); the rest is for what the kernel keeps of the files that it reads and
 * writes, which counts as its own and is given up where it gets tight. Of processes: those of its sandbox, and Node's threads.
 */
const BOUNDS = { memoryBytes: 1024 * 1024 * 1024, processes: 64, cpuWeight: 200 } as const

/** As no instance can be called. */
const cgroupId = (number: number) => `_files-${number}` as DomainId

export interface ProcessHostOptions {
  readonly linux: Linux
  readonly cgroups: () => Promise<Pick<Cgroups, "create">>
  readonly uid: number
  /** PATH of the daemon. */
  readonly path: string
  /** Throws where it is not installed. */
  readonly bwrapPath: () => string
  readonly program: () => Pick<FilesServer, "nodePath" | "libraries" | "program">
  /** A filter of system calls, as bwrap takes it. */
  readonly seccomp: () => Uint8Array
  /** Where the state store lies; made when it is first needed. */
  readonly storeDirectory: string
}

/** Characters of what a server said last that are kept. */
const SAID = 600
/** How long one that has hung up may take to say why: nothing can be asked of it any more, and everything it wrote is durable. */
const LAST_WORDS_MS = 1_000

/** File servers in sandboxed processes of this host. */
export class ProcessHost implements FileServerHost {
  readonly #options: ProcessHostOptions
  #lastCgroup = 0

  constructor(options: ProcessHostOptions) {
    this.#options = options
  }

  async start(root: ServerRoot, signal: AbortSignal): Promise<FileServer> {
    signal.throwIfAborted()
    const handle = root.kind === "store" ? this.#openStore() : openAgain(root.handle)
    try {
      return await this.#start(root, handle, signal)
    } finally {
      closeSync(handle)
    }
  }

  #openStore(): number {
    const { storeDirectory, uid } = this.#options
    mkdirSync(storeDirectory, { recursive: true, mode: 0o700 })
    if (uid === 0) giveTo(storeDirectory, STORE_ACCOUNT)
    return openSync(storeDirectory, "r")
  }

  async #start(root: ServerRoot, handle: number, signal: AbortSignal): Promise<FileServer> {
    const { linux, uid, path, bwrapPath, program, seccomp, cgroups } = this.#options
    const command = processCommand({
      ...program(),
      bwrapPath: bwrapPath(),
      account: this.#accountFor(root),
      serves:
        root.kind === "store"
          ? { kind: "store", ...(root.limitMiB === null ? {} : { limitMiB: root.limitMiB }) }
          : { kind: "directory", access: root.access },
      path: readlinkSync(`/proc/self/fd/${handle}`),
      isRoot: uid === 0,
    })
    this.#lastCgroup += 1
    const cgroup = await (await cgroups()).create(cgroupId(this.#lastCgroup), BOUNDS)
    await using unused = new AsyncDisposableStack()
    unused.use(cgroup)
    const launched = launchFilesServer(linux, {
      ...{ command, handle, seccomp: seccomp(), stdio: ["pipe", "ignore", "pipe"] },
      cwd: `/proc/${process.pid}/fd/${handle}`,
      env: { PATH: path, LC_ALL: "C" },
    })
    const server = new ServerProcess(linux, launched, cgroup)
    unused.move()
    await server.ready(signal)
    return server
  }

  /** As root a directory is served by whom it belongs to: the server can do to it what its owner can. */
  #accountFor(root: ServerRoot): FilesServer["account"] {
    if (this.#options.uid !== 0) return undefined
    if (root.kind === "store") return { uid: STORE_ACCOUNT, gid: STORE_ACCOUNT }
    return root.owner.uid === 0 ? undefined : root.owner
  }
}

class ServerProcess implements FileServer {
  readonly control: Connection
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  readonly #linux: Linux
  readonly #clients: number
  readonly #cgroup: DomainCgroup
  #said = ""
  #hasEnded = false

  /** Takes the descriptors and the cgroup over. */
  constructor(linux: Linux, { child, control, clients }: LaunchedServer, cgroup: DomainCgroup) {
    this.#child = child
    this.#linux = linux
    this.#clients = clients
    this.#cgroup = cgroup
    child.stdin?.on("error", () => {}) // it ended early: `ended` says why
    child.stderr?.setEncoding("utf8").on("data", (untrustedText: string) => {
      this.#said = `${this.#said}${untrustedText}`.slice(-SAID)
    })
    this.control = new Connection(new Socket({ fd: control, readable: true, writable: true }))
    this.ended = this.#whenEnded()
    void this.control.closed.then(() => this.#endSoon())
  }

  /** Lets it begin. Rejects, and nothing is left, if it ends instead or the signal is aborted. */
  async ready(signal: AbortSignal): Promise<void> {
    try {
      // Whatever it starts is in the cgroup from its beginning.
      if (this.#child.pid !== undefined) await this.#cgroup.add(this.#child.pid)
    } catch (cause) {
      await this[Symbol.asyncDispose]()
      throw new DaemonError("unusable", `it cannot be bounded: ${messageOf(cause)}`, { cause })
    }
    this.#child.stdin?.end("begin\n")
    const status = this.control.call(FILES.status, undefined, { signal })
    status.stdout.resume()
    try {
      await status.result
    } catch (cause) {
      this.#child.kill("SIGKILL")
      throw new DaemonError("unusable", await this.ended, { cause })
    }
  }

  async connect(label: number): Promise<number> {
    const [ours, theirs] = this.#linux.socketPair()
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(label)
    try {
      if (this.#hasEnded) throw new DaemonError("unusable", await this.ended)
      this.#linux.sendDescriptors(this.#clients, bytes, [theirs])
      return ours
    } catch (error) {
      closeSync(ours)
      throw error
    } finally {
      closeSync(theirs)
    }
  }

  async disconnect(): Promise<void> {
    // The client's descriptors are closed by those who have them.
  }

  /** Each of the processes that started it has one child, and the server has none. */
  async isWaiting(): Promise<boolean> {
    for (let pid = this.#child.pid; pid !== undefined; [pid] = await readChildren(pid)) {
      if (await waitsInKernel(pid)) return true
    }
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.ended
  }

  #endSoon(): void {
    if (this.#hasEnded) return
    const deadline = setTimeout(() => this.#child.kill("SIGKILL"), LAST_WORDS_MS)
    void this.ended.then(() => clearTimeout(deadline))
  }

  async #whenEnded(): Promise<string> {
    const how = await new Promise<string>((resolve) => {
      this.#child.once("error", (error) => resolve(error.message))
      this.#child.once("close", (code, signal) => {
        resolve(signal === null ? `it ended with status ${code}` : `it was ended by ${signal}`)
      })
    })
    this.#hasEnded = true
    this.control.close()
    closeSync(this.#clients)
    const said = printableLines(this.#said.trim())
    const why = said === "" ? how : `${how}; it said last: ${said}`
    try {
      const kills = await this.#cgroup.oomKills()
      await this.#cgroup[Symbol.asyncDispose]()
      return kills === 0 ? why : `${why}; it took more than its ${BOUNDS.memoryBytes / 2 ** 20} MiB of memory`
    } catch (error) {
      return `${why}; ${messageOf(error)}`
    }
  }
}

/** All of it belongs to this account from now on: a store that was brought from elsewhere may be another's. */
function giveTo(directory: string, id: number): void {
  if (statSync(directory).uid === id) return
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    lchownSync(join(entry.parentPath, entry.name), id, id)
  }
  // Last: what was begun is done again where it was cut off.
  chownSync(directory, id, id)
}
