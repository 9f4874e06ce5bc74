import type { Duplex } from "node:stream"
import type { Digest, DomainId, Level } from "@skerry/model"
import {
  type Domain,
  type DomainExit,
  type ImageFiles,
  type IsolationBackend,
  IsolationError,
  type IsolationErrorCode,
  type Shape,
  type StartRequest,
  type Template,
} from "../../backend.ts"
import { verifyImage } from "../../verify-image.ts"
import { FakeDomain, type FakePeer } from "./fake-domain.ts"

export interface FakeOptions {
  /** The guest's side of a domain. It owns the channel; a domain whose agent ends the channel has powered off. */
  readonly serveAgent: (channel: Duplex, domain: FakeDomain) => void
  readonly level?: Level
  /** Tests of other code have no image files: then nothing is read. */
  readonly verifiesImages?: boolean
}

/** What the next call does instead of its work. */
export type FakeFault =
  | { readonly kind: "fails"; readonly code: IsolationErrorCode }
  /** Never resolves, unless it is aborted. */
  | { readonly kind: "hangs" }

const FIRST_FAKE_PID = 1_000_000_000
const FIRST_FAKE_UID = 2_000_000_000

/** A backend that keeps every promise of the interface within this process; its guests are functions. */
export class FakeBackend implements IsolationBackend {
  readonly name = "fake"
  readonly level: Level
  readonly features = {
    acceleration: "namespaces",
    snapshots: true,
    descriptors: false,
    ports: true,
  } as const
  /** Taken one by one by the calls that follow; where the list is empty, the call succeeds. */
  readonly prepareFaults: FakeFault[] = []
  readonly startFaults: FakeFault[] = []
  /** Taken one by one by the domains that start; where the list is empty, "agent". */
  readonly peers: FakePeer[] = []
  /** Those that run, for tests to look at and to end. */
  readonly domains = new Map<DomainId, FakeDomain>()
  /** Every call in order, such as "prepare sha256:…" and "start scratch-x". */
  readonly calls: string[] = []
  readonly #options: FakeOptions
  readonly #disposal = new AbortController()
  #started = 0

  constructor(options: FakeOptions) {
    this.#options = options
    this.level = options.level ?? "vm"
  }

  async prepare(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<Template> {
    this.calls.push(`prepare ${image.digest}`)
    await this.#obey(this.prepareFaults.shift(), signal)
    if (this.#options.verifiesImages === true) await verifyImage(image, signal)
    return new FakeTemplate(this, image.digest, shape)
  }

  async start(template: Template, request: StartRequest, signal: AbortSignal): Promise<Domain> {
    this.calls.push(`start ${request.id}`)
    if (!(template instanceof FakeTemplate) || template.backend !== this || template.isDisposed) {
      throw new IsolationError(
        "spawn-failed",
        `Cannot start "${request.id}": its template is not in use any more`,
      )
    }
    return await this.#run(request, signal)
  }

  async boot(image: ImageFiles, _shape: Shape, request: StartRequest, signal: AbortSignal): Promise<Domain> {
    this.calls.push(`boot ${request.id}`)
    if (this.#options.verifiesImages === true) await verifyImage(image, signal)
    return await this.#run(request, signal)
  }

  /** As if a domain had ended by itself, or had been killed. */
  endDomain(id: DomainId, exit: DomainExit): void {
    this.domains.get(id)?.end(exit)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort()
    await Promise.all([...this.domains.values()].map((domain) => domain[Symbol.asyncDispose]()))
  }

  async #run(request: StartRequest, signal: AbortSignal): Promise<Domain> {
    await this.#obey(this.startFaults.shift(), signal)
    const { id } = request
    if (this.domains.has(id)) throw new IsolationError("spawn-failed", `A domain "${id}" is running already`)
    const number = this.#started++
    const processes = { pid: FIRST_FAKE_PID + number, uid: FIRST_FAKE_UID + number, cgroups: [] }
    const domain = new FakeDomain(id, processes, request.onConsole)
    this.domains.set(id, domain)
    void domain.exited.then(() => this.domains.delete(id))
    domain.run(this.peers.shift() ?? "agent", this.#options.serveAgent)
    return domain
  }

  /** A turn of the event loop passes even without a fault, as with a backend that has something to do. */
  async #obey(fault: FakeFault | undefined, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.#disposal.signal])
    await Promise.resolve()
    if (fault?.kind === "fails")
      throw new IsolationError(fault.code, `The fake was told to fail: ${fault.code}`)
    if (fault?.kind === "hangs" && !ended.aborted) {
      await new Promise<void>((resolve) => ended.addEventListener("abort", () => resolve(), { once: true }))
    }
    if (ended.aborted) throw new IsolationError("aborted", "The fake's work was aborted")
  }
}

class FakeTemplate implements Template {
  readonly backend: FakeBackend
  readonly image: Digest
  readonly shape: Shape
  isDisposed = false

  constructor(backend: FakeBackend, image: Digest, shape: Shape) {
    this.backend = backend
    this.image = image
    this.shape = shape
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true
  }
}
