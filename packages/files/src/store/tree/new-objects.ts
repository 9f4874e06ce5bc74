import type { Digest } from "@skerry/model"
import type { ObjectKind } from "../object-store.ts"
import { digestsOf, heightOf } from "./chunk-list.ts"
import { findEntry } from "./directory-trie.ts"
import type { Entry } from "./entry.ts"
import type { KeptNodes } from "./kept-nodes.ts"

export interface NamedObject {
  readonly kind: ObjectKind
  readonly digest: Digest
}

/** Objects met already. Remembers so many, and no more: what it forgets is met again. */
export class Met {
  readonly #digests = new Set<string>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  /** False: it was met before. */
  isNew(digest: Digest): boolean {
    if (this.#digests.has(digest)) return false
    if (this.#digests.size < this.#most) this.#digests.add(digest)
    return true
  }
}

interface Listed {
  readonly digest: Digest
  readonly height: number
}

/**
 * What a version is made of, but for what known versions have in the same places: both are walked together, and what is
 * equal is not entered, so that it takes as long as what has changed. Children come before what names them.
 */
export class NewObjects {
  readonly #nodes: KeptNodes
  readonly #met: Met
  readonly #metChunks: Met | undefined

  /** `metChunks` absent: a chunk may be told of more than once. */
  constructor(nodes: KeptNodes, met: Met, metChunks?: Met) {
    this.#nodes = nodes
    this.#met = met
    this.#metChunks = metChunks
  }

  *of(root: Digest, known: readonly Digest[]): Generator<NamedObject, void, undefined> {
    if (known.includes(root) || !this.#met.isNew(root)) return
    yield* this.ofEntry(
      this.#nodes.root(root),
      known.map((each) => this.#nodes.root(each)),
    )
    yield { kind: "node", digest: root }
  }

  *ofEntry(entry: Entry, known: readonly Entry[]): Generator<NamedObject, void, undefined> {
    const { attributes, content, kind } = entry
    if (typeof attributes === "string" && !known.some((each) => each.attributes === attributes)) {
      if (this.#met.isNew(attributes)) yield { kind: "node", digest: attributes }
    }
    if (content === undefined) return
    const alike = known.filter((each) => each.kind === kind)
    if (kind === "directory") {
      const contents = alike.flatMap((each) => each.content ?? [])
      yield* this.#ofDirectory(content, contents, contents)
    } else {
      const lists = alike.flatMap((each) =>
        each.content === undefined ? [] : { digest: each.content, height: heightOf(each.size) },
      )
      yield* this.#ofList({ digest: content, height: heightOf(entry.size) }, lists)
    }
  }

  /** `here`: known nodes in this place; `known`: whole known directories. */
  *#ofDirectory(
    digest: Digest,
    here: readonly Digest[],
    known: readonly Digest[],
  ): Generator<NamedObject, void, undefined> {
    if (here.includes(digest) || !this.#met.isNew(digest)) return
    const node = this.#nodes.directory(digest)
    if (node.kind === "branch") {
      const knownNodes = here.map((each) => this.#nodes.directory(each))
      for (const [digit, child] of node.children.entries()) {
        if (child === undefined) continue
        const there = knownNodes.flatMap((each) =>
          each.kind === "branch" ? (each.children[digit]?.digest ?? []) : [],
        )
        yield* this.#ofDirectory(child.digest, there, known)
      }
    } else {
      for (const entry of node.entries.values()) {
        if (entry.content === undefined && typeof entry.attributes !== "string") continue
        yield* this.ofEntry(
          entry,
          known.flatMap((each) => findEntry(this.#nodes, each, entry.name) ?? []),
        )
      }
    }
    yield { kind: "node", digest }
  }

  *#ofList(list: Listed, known: readonly Listed[]): Generator<NamedObject, void, undefined> {
    const alike = known.flatMap((each) => this.#lowered(each, list.height) ?? [])
    if (alike.some(({ digest, height }) => height === list.height && digest === list.digest)) return
    if (list.height === 0) {
      if (this.#metChunks?.isNew(list.digest) !== false) yield { kind: "chunk", digest: list.digest }
      return
    }
    if (!this.#met.isNew(list.digest)) return
    const lower = alike.filter(({ height }) => height < list.height)
    const knownLists = alike
      .filter(({ height }) => height === list.height)
      .map(({ digest }) => digestsOf(this.#nodes, digest, list.height))
    const height = list.height - 1
    for (const [index, child] of digestsOf(this.#nodes, list.digest, list.height).entries()) {
      if (child === undefined) continue
      const there = knownLists.flatMap((each) => {
        const digest = each[index]
        return digest === undefined ? [] : { digest, height }
      })
      yield* this.#ofList({ digest: child, height }, index === 0 ? [...there, ...lower] : there)
    }
    yield { kind: "node", digest: list.digest }
  }

  /** The beginning of a longer file, at the height of a shorter one. */
  #lowered(list: Listed, height: number): Listed | undefined {
    let { digest, height: at } = list
    for (; at > height; at--) {
      const first = digestsOf(this.#nodes, digest, at)[0]
      if (first === undefined) return undefined
      digest = first
    }
    return { digest, height: at }
  }
}
