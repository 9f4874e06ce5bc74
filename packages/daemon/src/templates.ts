import type { ImageFiles, IsolationBackend, Shape, Template } from "@skerry/isolation"
import type { Digest } from "@skerry/model"
import { DAEMON_LIMITS } from "./limits.ts"
import { orAborted } from "./waits.ts"

interface Entry {
  readonly digest: Digest
  readonly template: Promise<Template>
  /** Starts that hold it just now: it must not be disposed of under them. */
  holders: number
  /** From a counter, so that the order of uses is total. */
  lastUsed: number
}

export const templateKey = (backend: IsolationBackend, digest: Digest, shape: Shape): string =>
  `${backend.name} ${digest} ${shape.memoryMiB} ${shape.vcpus}`

/** Templates by backend, image and shape: each made once however many ask for it, and kept loaded. */
export class Templates implements AsyncDisposable {
  readonly #entries = new Map<string, Entry>()
  readonly #disposals = new Set<Promise<void>>()
  /** Ends preparations with the daemon; a single waiter that leaves does not, others may be waiting too. */
  readonly #end = new AbortController()
  #uses = 0

  get count(): number {
    return this.#entries.size
  }

  /** Runs `use` with the template, which stays loaded until `use` has settled. */
  async hold<T>(
    request: { backend: IsolationBackend; image: ImageFiles; shape: Shape; signal: AbortSignal },
    use: (template: Template) => Promise<T>,
  ): Promise<T> {
    const { backend, image, shape, signal } = request
    signal.throwIfAborted()
    const key = templateKey(backend, image.digest, shape)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      const template = backend.prepare(image, shape, this.#end.signal)
      entry = { digest: image.digest, template, holders: 0, lastUsed: 0 }
      this.#entries.set(key, entry)
      // A preparation that failed is tried again by the next request.
      template.catch(() => this.#entries.delete(key))
    }
    this.#uses += 1
    entry.lastUsed = this.#uses
    entry.holders += 1
    try {
      return await use(await orAborted(entry.template, signal))
    } finally {
      entry.holders -= 1
      this.#trim()
    }
  }

  /** Another generation is current: templates of images that it does not have are of no more use. */
  keepOnly(digests: ReadonlySet<Digest>): void {
    for (const [key, entry] of this.#entries) {
      if (!digests.has(entry.digest) && entry.holders === 0) this.#drop(key, entry)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new Error("The daemon is ending"))
    for (const [key, entry] of this.#entries) this.#drop(key, entry)
    await Promise.all(this.#disposals)
  }

  #trim(): void {
    const idle = [...this.#entries].filter(([, entry]) => entry.holders === 0)
    if (this.#entries.size <= DAEMON_LIMITS.templates) return
    idle.sort(([, a], [, b]) => a.lastUsed - b.lastUsed)
    for (const [key, entry] of idle.slice(0, this.#entries.size - DAEMON_LIMITS.templates)) {
      this.#drop(key, entry)
    }
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key)
    const disposal = entry.template
      .then(
        (template) => template[Symbol.asyncDispose](),
        () => undefined, // its preparation failed, and whoever asked for it was told
      )
      .finally(() => this.#disposals.delete(disposal))
    this.#disposals.add(disposal)
  }
}
