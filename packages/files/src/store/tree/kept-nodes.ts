import type { Digest } from "@skerry/model"
import { ProtocolError } from "@skerry/wire"
import { type ObjectKind, type ObjectStore, StoreError } from "../object-store.ts"
import { release } from "../objects/release.ts"
import { Cache } from "./cache.ts"
import {
  type DirectoryNode,
  decodeDirectoryNode,
  encodeDirectoryNode,
  type Subtree,
  totalsOf,
} from "./directory-node.ts"
import type { Entry } from "./entry.ts"
import { STATE_TREE } from "./limits.ts"
import { decodeRoot, encodeRoot } from "./root-node.ts"

/** Bytes of memory for each byte of a directory node, about. */
const DECODED = 6

/** Objects by what they mean, those used lately in memory. One for all trees of a store. */
export class KeptNodes {
  readonly objects: ObjectStore
  readonly #directories = new Cache<DirectoryNode>(STATE_TREE.nodeCacheBytes)
  readonly #lists = new Cache<Uint8Array>(STATE_TREE.nodeCacheBytes / 4)
  readonly #chunks = new Cache<Uint8Array>(STATE_TREE.chunkCacheBytes, release)
  /** Bytes put since somebody last looked: much of it is garbage later. */
  putBytes = 0

  constructor(objects: ObjectStore) {
    this.objects = objects
  }

  directory(digest: Digest): DirectoryNode {
    const known = this.#directories.get(digest)
    if (known !== undefined) return known
    const content = this.objects.get("node", digest)
    const node = decoded(digest, () => decodeDirectoryNode(content))
    this.#directories.set(digest, node, content.length * DECODED)
    return node
  }

  putDirectory(node: DirectoryNode): Subtree {
    const content = encodeDirectoryNode(node)
    const digest = this.put("node", content)
    this.#directories.set(digest, node, content.length * DECODED)
    return { digest, totals: totalsOf(node) }
  }

  root(digest: Digest): Entry {
    return decoded(digest, () => decodeRoot(this.objects.get("node", digest)))
  }

  putRoot(entry: Entry): Digest {
    return this.put("node", encodeRoot(entry))
  }

  /** Not to be written to. */
  list(digest: Digest): Uint8Array {
    return this.#lists.get(digest) ?? this.#keep(this.#lists, digest, this.objects.get("node", digest))
  }

  putList(content: Uint8Array): Digest {
    const digest = this.put("node", content)
    this.#lists.set(digest, content, content.length)
    return digest
  }

  /** Content without the zeros at its end; not to be written to, and gone with the next that is asked for. */
  chunk(digest: Digest): Uint8Array {
    return this.#chunks.get(digest) ?? this.#keep(this.#chunks, digest, this.objects.get("chunk", digest))
  }

  /** Puts the whole of a chunk into `target`, which has room for it; its length. It is not kept: who reads all reads on. */
  copyChunk(digest: Digest, target: Uint8Array): number {
    const known = this.#chunks.get(digest)
    const content = known ?? this.objects.get("chunk", digest)
    const { length } = content
    target.set(content)
    if (known === undefined) release(content)
    return length
  }

  put(kind: ObjectKind, content: Uint8Array): Digest {
    this.putBytes += content.length
    return this.objects.put(kind, content)
  }

  #keep(cache: Cache<Uint8Array>, digest: Digest, content: Uint8Array): Uint8Array {
    cache.set(digest, content, content.length + 128)
    return content
  }
}

function decoded<T>(digest: Digest, decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new StoreError("damaged", `The node ${digest} cannot be read: ${cause.message}`, { cause })
  }
}
