import { closeSync } from "node:fs"
import type { Domain } from "@skerry/isolation"
import { printable, type TreeName } from "@skerry/model"
import { type MountFailureCode, RemoteError, type ServedTree } from "@skerry/rpc"
import type { Agent } from "../agent.ts"
import { DaemonError, messageOf } from "../errors.ts"
import { TREE_LIMITS } from "./limits.ts"
import type { ClientHooks } from "./supervisor.ts"

/** One tree in one domain. */
export interface TreeRequest {
  /** For messages: `"tax"`, or a path in quotes. */
  readonly what: string
  /** The tree of the store that it is; undefined: a directory of the host. */
  readonly tree: TreeName | undefined
  readonly at: string
  readonly access: "read" | "write"
  readonly sharing: "shared" | "private"
  /** The one file that appears; empty: all. */
  readonly only: string
  /** Joins a client of the server to this tree. */
  readonly attach: (trees: readonly ServedTree[], hooks: ClientHooks) => Promise<AttachedTree>
}

export interface AttachedTree {
  readonly fd: number
  drop(): Promise<void>
}

export interface TreePlace {
  readonly domain: Domain
  readonly agent: Agent
  /** Of this domain alone, and never used again in it. */
  readonly port: string
  readonly note: (text: string) => void
  /** Its server is gone for good. */
  readonly onLost: (mounted: MountedTree) => void
}

const ATTACH_NAME = "tree"

/** A tree from when its server knows the client until the client is dropped. */
export class MountedTree {
  readonly request: TreeRequest
  readonly #place: TreePlace
  #attached: AttachedTree | undefined
  /** Settles when the port is there, or will not be: a server that is started anew takes its place only then. */
  readonly #placed = Promise.withResolvers<void>()
  readonly #gone = new AbortController()
  #released: Promise<void> | undefined

  private constructor(request: TreeRequest, place: TreePlace) {
    this.request = request
    this.#place = place
  }

  /** Resolves when the domain can use it. Rejects with a DaemonError, and nothing is left behind. */
  static async mount(
    request: TreeRequest,
    place: TreePlace,
    onBegun: (mounted: MountedTree) => void,
  ): Promise<MountedTree> {
    const mounted = new MountedTree(request, place)
    onBegun(mounted)
    try {
      await mounted.#mount()
      return mounted
    } catch (error) {
      await mounted.unmount()
      throw explain(request, error)
    }
  }

  get #isGone(): boolean {
    return this.#gone.signal.aborted
  }

  /** Takes it from the domain, which is told and cannot delay it. Never rejects. */
  async unmount(): Promise<void> {
    if (this.#isGone) return await this.release()
    this.#gone.abort(tooLate())
    const { agent, domain, port } = this.#place
    // What it answers changes nothing: without its port nothing of the tree can be reached.
    await agent.unmountTree(port, AbortSignal.timeout(TREE_LIMITS.unmountMs)).catch(() => {})
    await domain.removePort?.(port).catch((error: unknown) => this.#place.note(messageOf(error)))
    await this.release()
  }

  /** The domain is gone, or has no port for it any more: its server lets go of it. Never rejects. */
  async release(): Promise<void> {
    this.#gone.abort(tooLate())
    this.#released ??= this.#release()
    await this.#released
  }

  async #release(): Promise<void> {
    await this.#attached?.drop().catch((error: unknown) => this.#place.note(messageOf(error)))
  }

  async #mount(): Promise<void> {
    const { domain, agent, port } = this.#place
    const { at, access, sharing, only, tree } = this.request
    if (domain.addPort === undefined || domain.removePort === undefined) {
      throw new DaemonError("unusable", "this host's isolation takes no directories")
    }
    try {
      const root: ServedTree["tree"] =
        tree === undefined ? { kind: "directory", only } : { kind: "state", name: tree }
      const served: ServedTree = { attachName: ATTACH_NAME, access, tree: root }
      const attached = await this.request.attach([served], {
        onReconnect: (fd) => this.#reconnect(fd),
        onLost: (why) => {
          this.#place.note(`${this.request.what} is gone: ${why}`)
          this.#place.onLost(this)
        },
      })
      this.#attached = attached
      if (this.#isGone) {
        closeSync(attached.fd)
        // Whoever released it found no client to drop.
        await this.#release()
        throw tooLate()
      }
      await domain.addPort(port, attached.fd)
    } finally {
      this.#placed.resolve()
    }
    this.#gone.signal.throwIfAborted()
    const signal = AbortSignal.any([this.#gone.signal, AbortSignal.timeout(TREE_LIMITS.agentMountMs)])
    await agent.mountTree({ port, attachName: ATTACH_NAME, at, only, access, sharing }, signal)
  }

  /** The agent finds the port again by its name, and the open files with it. */
  async #reconnect(fd: number): Promise<void> {
    const { domain, port } = this.#place
    let isTaken = false
    try {
      await this.#placed.promise
      await domain.removePort?.(port)
      if (this.#isGone) throw new Error("its domain has it no more")
      isTaken = true
      await domain.addPort?.(port, fd)
    } finally {
      if (!isTaken) closeSync(fd)
    }
  }
}

const tooLate = () => new DaemonError("cancelled", "the domain has ended, or it was taken back, meanwhile")

const FAILURES: Readonly<Record<MountFailureCode, string>> = {
  "no-port": "its machine did not see the port",
  "bad-place": "its place cannot be made there",
  "no-answer": "its file server did not answer, or refused it",
  unsupported: 'only isolation "vm" can have directories',
}

function explain({ what, at }: TreeRequest, error: unknown): DaemonError {
  const subject = `Cannot give ${what} at ${at}`
  if (error instanceof DaemonError) {
    return new DaemonError(error.code, `${subject}: ${error.message}`, { cause: error })
  }
  // A code that the guest made up is none of these.
  const known = error instanceof RemoteError && Object.hasOwn(FAILURES, error.code)
  const why = known ? FAILURES[error.code as MountFailureCode] : messageOf(error)
  return new DaemonError("start-failed", `${subject}: ${printable(why)}`, { cause: error })
}
