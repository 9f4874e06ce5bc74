import type { ObjectRecord } from "@skerry/rpc"
import type { DigestSet } from "./digest-set.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import type { Part } from "./manifest.ts"
import { PackBuilder } from "./pack.ts"
import { type Vault, writePart } from "./vault.ts"

export interface WrittenPack {
  readonly part: Part
  readonly digests: readonly Buffer[]
}

/** Gathers objects into packs, chunks and nodes apart; a full one is compressed and written while the next is filled. */
export class PackWriter implements AsyncDisposable {
  readonly #vault: Pick<Vault, "place" | "key">
  readonly #present: DigestSet
  readonly #builders = { chunks: new PackBuilder(), nodes: new PackBuilder() }
  readonly #written: WrittenPack[] = []
  #inFlight: readonly Promise<void>[] = []
  objects = 0

  /** `present` is what the backup has already; what is added becomes part of it. */
  constructor(vault: Pick<Vault, "place" | "key">, present: DigestSet) {
    this.#vault = vault
    this.#present = present
  }

  has(digest: Uint8Array): boolean {
    return this.#present.has(digest)
  }

  /** `content` must not change; a node has a list. Waits while enough is on its way. */
  async add(
    kind: ObjectRecord["kind"],
    digest: Uint8Array,
    content: Uint8Array,
    list: string | undefined,
  ): Promise<void> {
    const builder = kind === "chunk" ? this.#builders.chunks : this.#builders.nodes
    if (!builder.hasRoom(content, list)) await this.#send(kind === "chunk" ? "chunks" : "nodes")
    builder.add(kind, digest, content, list)
    this.#present.add(digest)
    this.objects += 1
  }

  /** Everything that was written, in order. */
  async finish(): Promise<readonly WrittenPack[]> {
    for (const kind of ["chunks", "nodes"] as const) if (!this.#builders[kind].isEmpty) await this.#send(kind)
    await Promise.all(this.#inFlight)
    return this.#written
  }

  /** Nothing is being written any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#inFlight)
  }

  async #send(kind: "chunks" | "nodes"): Promise<void> {
    while (this.#inFlight.length >= BACKUP_LIMITS.packsInFlight) {
      await this.#inFlight[0]
      this.#inFlight = this.#inFlight.slice(1)
    }
    const { plain, digests } = this.#builders[kind].take()
    const at = this.#written.length
    // Its place is kept now, so that the order is that of the objects.
    this.#written.push({ part: { kind, name: "", bytes: 0, objects: 0 }, digests })
    const writing = writePart(this.#vault, kind, plain, digests.length).then((part) => {
      this.#written[at] = { part, digests }
    })
    writing.catch(() => {}) // whoever waits for it hears of it
    this.#inFlight = [...this.#inFlight, writing]
  }
}
