import type { NodeLine, Reference } from "@skerry/files/describe-node"
import type { ObjectRecord, TreeRow, VersionRow } from "@skerry/rpc"
import { listText, referencesIn } from "./list-text.ts"
import { objectDigest } from "./pack.ts"
import type { StateSink, StateSource } from "./state-access.ts"

/*
 * For tests: a state store in memory that keeps the promises of StateSource and StateSink. Its nodes are JSON.
 */

/** Files by name (latin1), or folders. */
export interface FakeFolder {
  readonly [name: string]: string | Buffer | FakeFolder
}

interface FakeEntry {
  readonly name: string
  readonly node?: string
  readonly chunks?: readonly string[]
  readonly size: number
}

const CHUNK = 1024
const TIME = 1_760_000_000

export function* describeFake(content: Uint8Array): Generator<NodeLine> {
  const entries = JSON.parse(Buffer.from(content).toString()) as FakeEntry[] | { chunks: string[] }
  if (!Array.isArray(entries)) {
    for (const [at, digest] of entries.chunks.entries()) {
      yield { kind: "more", offset: at * CHUNK, content: { kind: "chunk", digest } }
    }
    return
  }
  for (const { name, node, size, chunks } of entries) {
    const common = { name: Buffer.from(name, "latin1"), modifyTime: TIME }
    const [chunk] = chunks ?? []
    const child: Reference | undefined =
      node !== undefined
        ? { kind: "node", digest: node }
        : chunk === undefined
          ? undefined
          : { kind: "chunk", digest: chunk }
    if (size === -1)
      yield { kind: name === "" ? "root" : "directory", mode: 0o755, content: child, ...common }
    else yield { kind: "file", mode: 0o640, size, content: child, ...common }
  }
}

export class FakeState implements StateSource, StateSink {
  readonly objects_ = new Map<string, ObjectRecord>()
  readonly #trees = new Map<string, VersionRow[]>()
  readonly #children = new Map<string, readonly string[]>()
  /** Objects that were handed out. */
  given = 0
  #time = 1_700_000_000_000

  /** Makes a version of the tree. */
  keep(tree: string, folder: FakeFolder): VersionRow {
    const versions = this.#trees.get(tree) ?? []
    const row: VersionRow = {
      version: versions.length + 1,
      digest: `sha256:${this.#root(folder)}`,
      time: this.#time++,
      reason: "manual",
      note: "a note, with spaces",
      files: 1,
      bytes: 1000,
    }
    this.#trees.set(tree, [...versions, row])
    return row
  }

  #put(kind: ObjectRecord["kind"], content: Buffer, children: readonly string[]): string {
    const digest = objectDigest(kind, content)
    this.objects_.set(digest.toString("hex"), { kind, digest, content })
    this.#children.set(digest.toString("hex"), children)
    return digest.toString("hex")
  }

  #root(folder: FakeFolder): string {
    const node = this.#folder(folder)
    return this.#put("node", Buffer.from(JSON.stringify([{ name: "", node, size: -1 }])), [node])
  }

  #folder(folder: FakeFolder): string {
    const entries = Object.entries(folder).map(([name, value]): FakeEntry => {
      if (typeof value !== "string" && !Buffer.isBuffer(value))
        return { name, node: this.#folder(value), size: -1 }
      const bytes = Buffer.from(value as string)
      const chunks: string[] = []
      for (let at = 0; at < bytes.length; at += CHUNK)
        chunks.push(this.#put("chunk", bytes.subarray(at, at + CHUNK), []))
      if (chunks.length < 2) return { name, chunks, size: bytes.length }
      return {
        name,
        node: this.#put("node", Buffer.from(JSON.stringify({ chunks })), chunks),
        size: bytes.length,
      }
    })
    const children = entries.flatMap(({ node, chunks = [] }) => [
      ...(node === undefined ? [] : [node]),
      ...chunks,
    ])
    return this.#put("node", Buffer.from(JSON.stringify(entries)), children)
  }

  trees(): Promise<readonly TreeRow[]> {
    return Promise.resolve(
      [...this.#trees].map(([tree, { length }]) => ({
        tree,
        files: 0,
        bytes: 0,
        quotaBytes: 0,
        quotaFiles: 0,
        versions: length,
        clients: 0,
      })),
    )
  }

  snapshot(): Promise<void> {
    return Promise.resolve()
  }

  versions(tree: string): Promise<readonly VersionRow[]> {
    return Promise.resolve(this.#trees.get(tree) ?? [])
  }

  async *objects(
    _tree: string,
    { digest }: VersionRow,
    known: readonly string[],
  ): AsyncGenerator<ObjectRecord> {
    const seen = new Set<string>()
    for (const each of known) for (const below of this.#below(each.slice(7), seen)) seen.add(below)
    for (const each of this.#below(digest.slice(7), seen)) {
      const object = this.objects_.get(each)
      if (object === undefined) throw new Error("the fake lost an object")
      this.given += 1
      yield await Promise.resolve(object)
    }
  }

  *#below(digest: string, seen: Set<string>): Generator<string> {
    if (seen.has(digest)) return
    seen.add(digest)
    for (const child of this.#children.get(digest) ?? []) yield* this.#below(child, seen)
    yield digest
  }

  async put(objects: AsyncIterable<ObjectRecord>): Promise<void> {
    for await (const { kind, digest, content } of objects) {
      if (!objectDigest(kind, content).equals(digest))
        throw new Error("an object is not what its digest says")
      const list = kind === "node" ? listText(describeFake(content)) : ""
      const children = referencesIn(list).map((reference) => reference.digest)
      this.#put(kind, Buffer.from(content), children)
    }
  }

  adopt(tree: string, versions: readonly VersionRow[]): Promise<void> {
    for (const { digest } of versions) {
      for (const each of this.#below(digest.slice(7), new Set())) {
        if (!this.objects_.has(each)) throw new Error(`the object ${each} is missing`)
      }
    }
    this.#trees.set(tree, [...versions])
    return Promise.resolve()
  }

  removeTree(tree: string): Promise<void> {
    this.#trees.delete(tree)
    return Promise.resolve()
  }
}
