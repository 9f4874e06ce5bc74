import type { Digest } from "@skerry/model"
import { StoreError } from "../object-store.ts"
import { bytesOfDigest } from "../objects/digest-of.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { STATE_TREE } from "./limits.ts"

/*
 * Content of files. Up to 128 KiB is one chunk, which the entry names itself; more is a tree of lists, each with up to 256
 * digests, as high as the file's size demands and no higher. Zeros at the end of a chunk are not kept, so that one of
 * nothing but zeros, like a list of such, is a hole: 32 zero bytes in place of a digest, none at all at the end of a list.
 * docs/state-store.md.
 *
 *   list:  format u8 (1) · kind u8 (3) · height u8 (1: of chunks) · 0 · digests, 32 bytes each
 */

export interface ListedContent {
  readonly content: Digest | undefined
  readonly size: number
}

const { chunkBytes, listDigests } = STATE_TREE
const HEAD_BYTES = 4
const DIGEST_BYTES = 32
const FORMAT = 1
const LIST = 3
const NO_DIGEST = "0".repeat(64)

export const chunksOf = (size: number) => Math.ceil(size / chunkBytes)

/** Lists above a chunk; 0: the entry names the only chunk itself. */
export function heightOf(size: number): number {
  let height = 0
  for (let reach = 1; reach < chunksOf(size); reach *= listDigests) height += 1
  return height
}

/** The digests of a list; undefined: a hole. */
export function digestsOf(nodes: KeptNodes, list: Digest, height: number): (Digest | undefined)[] {
  const content = checked(nodes.list(list), list, height)
  return Array.from({ length: (content.length - HEAD_BYTES) / DIGEST_BYTES }, (_, index) =>
    digestIn(content, index),
  )
}

function checked(content: Uint8Array, list: Digest, height: number): Uint8Array {
  const [format, kind, actual] = content
  const length = content.length - HEAD_BYTES
  if (
    format !== FORMAT ||
    kind !== LIST ||
    actual !== height ||
    length % DIGEST_BYTES !== 0 ||
    length > listDigests * DIGEST_BYTES
  ) {
    throw new StoreError("damaged", `The node ${list} is no list of height ${height}`)
  }
  return content
}

function digestIn(list: Uint8Array, index: number): Digest | undefined {
  const start = HEAD_BYTES + index * DIGEST_BYTES
  if (start >= list.length) return undefined
  const text = Buffer.from(list.buffer, list.byteOffset + start, DIGEST_BYTES).toString("hex")
  return text === NO_DIGEST ? undefined : (`sha256:${text}` as Digest)
}

export function findChunk(
  nodes: KeptNodes,
  { content, size }: ListedContent,
  index: number,
): Digest | undefined {
  let digest = content
  for (let height = heightOf(size); height > 0 && digest !== undefined; height--) {
    const position = Math.floor(index / listDigests ** (height - 1)) % listDigests
    digest = digestIn(checked(nodes.list(digest), digest, height), position)
  }
  return digest
}

/** Those that are no holes, in their order: takes as long as there are such, whatever the file's size. */
export function* presentChunks(
  nodes: KeptNodes,
  { content, size }: ListedContent,
): Generator<{ readonly index: number; readonly digest: Digest }, void, undefined> {
  function* below(digest: Digest, height: number, first: number): ReturnType<typeof presentChunks> {
    if (height === 0) return yield { index: first, digest }
    const step = listDigests ** (height - 1)
    for (const [index, child] of digestsOf(nodes, digest, height).entries()) {
      if (child !== undefined) yield* below(child, height - 1, first + index * step)
    }
  }
  if (content !== undefined) yield* below(content, heightOf(size), 0)
}

/** How many chunks from `from` to before `to` are no holes. */
export function countChunks(
  nodes: KeptNodes,
  { content, size }: ListedContent,
  from: number,
  to: number,
): number {
  const count = (digest: Digest, height: number, first: number): number => {
    if (height === 0) return 1
    const step = listDigests ** (height - 1)
    let sum = 0
    for (const [index, child] of digestsOf(nodes, digest, height).entries()) {
      const childFirst = first + index * step
      if (child === undefined || childFirst >= to || childFirst + step <= from) continue
      sum += count(child, height - 1, childFirst)
    }
    return sum
  }
  return content === undefined || from >= to ? 0 : count(content, heightOf(size), 0)
}

/** Chunks by their index; undefined: a hole. */
export type ChunkChanges = ReadonlyMap<number, Digest | undefined>

/**
 * The content with other chunks and another size. Of what was there, chunks from `oldChunks` on are gone. Lists that
 * nothing changes in stay as they are.
 */
export function changeChunks(
  nodes: KeptNodes,
  old: ListedContent,
  oldChunks: number,
  changes: ChunkChanges,
  size: number,
): Digest | undefined {
  const height = heightOf(size)
  let oldHeight = heightOf(old.size)
  let { content } = old
  for (; oldHeight > height && content !== undefined; oldHeight--) {
    content = digestIn(checked(nodes.list(content), content, oldHeight), 0)
  }
  const indices = [...changes.keys()].sort((left, right) => left - right)
  const lists = new Lists(nodes, Math.min(oldChunks, chunksOf(size)), oldHeight, content, changes, indices)
  return lists.at(
    height,
    0,
    oldHeight === height ? content : undefined,
    oldHeight < height,
    0,
    indices.length,
  )
}

class Lists {
  readonly #nodes: KeptNodes
  readonly #oldChunks: number
  readonly #oldHeight: number
  readonly #oldContent: Digest | undefined
  readonly #changes: ChunkChanges
  readonly #indices: readonly number[]

  constructor(
    nodes: KeptNodes,
    oldChunks: number,
    oldHeight: number,
    oldContent: Digest | undefined,
    changes: ChunkChanges,
    indices: readonly number[],
  ) {
    this.#nodes = nodes
    this.#oldChunks = oldChunks
    this.#oldHeight = oldHeight
    this.#oldContent = oldContent
    this.#changes = changes
    this.#indices = indices
  }

  /**
   * What stands for the chunks from `first` at this height. `old` stood there before; with `isAbove` the old content is the
   * beginning of it, further below. Changes from `from` to before `to` are in it.
   */
  at(
    height: number,
    first: number,
    old: Digest | undefined,
    isAbove: boolean,
    from: number,
    to: number,
  ): Digest | undefined {
    const span = listDigests ** height
    const isOld = first < this.#oldChunks
    if (from === to) {
      if (!isOld || (old === undefined && !isAbove)) return undefined
      if (!isAbove && first + span <= this.#oldChunks) return old
    }
    if (height === 0) return from < to ? this.#changes.get(first) : isOld ? old : undefined
    return this.#put(
      height,
      this.#children(height, first, isOld ? old : undefined, isAbove && isOld, from, to),
    )
  }

  #children(
    height: number,
    first: number,
    old: Digest | undefined,
    isAbove: boolean,
    from: number,
    to: number,
  ) {
    const olds = old === undefined ? [] : digestsOf(this.#nodes, old, height)
    const step = listDigests ** (height - 1)
    const children: (Digest | undefined)[] = []
    let start = from
    for (let position = 0; position < listDigests; position++) {
      const childFirst = first + position * step
      let end = start
      while (end < to && (this.#indices[end] ?? 0) < childFirst + step) end += 1
      const isRoot = isAbove && position === 0 && height - 1 === this.#oldHeight
      const childOld = isRoot ? this.#oldContent : olds[position]
      children.push(
        this.at(height - 1, childFirst, childOld, isAbove && position === 0 && !isRoot, start, end),
      )
      start = end
    }
    return children
  }

  #put(height: number, children: readonly (Digest | undefined)[]): Digest | undefined {
    const count = children.findLastIndex((child) => child !== undefined) + 1
    if (count === 0) return undefined
    const content = new Uint8Array(HEAD_BYTES + count * DIGEST_BYTES)
    content.set([FORMAT, LIST, height, 0])
    for (const [index, child] of children.slice(0, count).entries()) {
      if (child !== undefined) content.set(bytesOfDigest(child), HEAD_BYTES + index * DIGEST_BYTES)
    }
    return this.#nodes.putList(content)
  }
}
