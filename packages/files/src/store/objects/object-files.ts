import type { Digest } from "@skerry/model"
import { OBJECT_LIMITS, type ObjectKind } from "../object-store.ts"
import { compress, decompress } from "./compressing.ts"
import { digestBytes, KIND_BYTE } from "./digest-of.ts"
import { encodeIndexEntry, INDEX_BYTES, type IndexEntry, type SegmentEntry } from "./index-entry.ts"
import { release } from "./release.ts"
import { NONCE_BYTES, type Sealer, unseal, unsealWhole } from "./sealing.ts"
import {
  BLOCK_BYTES,
  blocksOf,
  decodeHeader,
  encodeHeader,
  entryBytes,
  HEADER_BYTES,
  type Location,
  objectContext,
} from "./segment-entry.ts"
import type { Segments } from "./segments.ts"
import type { StoreKeys } from "./store-keys.ts"

/** What of an object stands in the index itself, in bytes of its body: everything else goes into a segment. */
const INLINE_BYTES: Readonly<Record<ObjectKind, number>> = { chunk: 1024, node: 64 * 1024 }

/** An entry found in the tail of a segment. */
export interface FoundEntry {
  readonly objectKey: Buffer
  readonly entry: SegmentEntry
}

/** Turns objects into entries of index and segments, and back. */
export class ObjectFiles {
  readonly #keys: StoreKeys
  readonly #sealer: Sealer
  readonly #segments: Segments
  readonly #scratch = Buffer.allocUnsafeSlow(entryBytes(OBJECT_LIMITS.objectBytes))

  constructor(keys: StoreKeys, sealer: Sealer, segments: Segments) {
    this.#keys = keys
    this.#sealer = sealer
    this.#segments = segments
  }

  /** Compressed where that pays: what will be sealed, so that its size is known before anything is written. */
  prepare(content: Uint8Array): Prepared {
    const compressed = compress(content)
    return { isCompressed: compressed !== undefined, plainBytes: content.length, body: compressed ?? content }
  }

  storedBytes(kind: ObjectKind, body: Uint8Array): number {
    return INDEX_BYTES + (body.length > INLINE_BYTES[kind] ? blocksOf(body.length) : body.length)
  }

  /** Writes what goes into a segment; the value for the index. */
  write(kind: ObjectKind, objectKey: Buffer, prepared: Prepared): Buffer {
    const { isCompressed, plainBytes, body } = prepared
    if (body.length <= INLINE_BYTES[kind]) {
      const context = objectContext(objectKey, isCompressed, plainBytes, undefined)
      const sealed = this.#sealer.sealWhole(this.#keys.objects, context, body)
      return encodeIndexEntry({ kind: "inline", isCompressed, plainBytes, sealed })
    }
    const location = this.#segments.next()
    const context = objectContext(objectKey, isCompressed, plainBytes, location)
    const sealed = this.#sealer.seal(this.#keys.objects, context, body)
    const header = encodeHeader(objectKey, isCompressed, plainBytes, sealed)
    try {
      this.#segments.append(location, [header, sealed.body, sealed.tag], entryBytes(body.length))
    } finally {
      release(sealed.body)
    }
    return encodeIndexEntry({ kind: "segment", isCompressed, plainBytes, bodyBytes: body.length, location })
  }

  /**
   * The object, or what is wrong with it. Its tag says that the store sealed these bytes under this digest, so that
   * hashing them again, which takes twice as long, is left to verify().
   */
  read(objectKey: Buffer, entry: IndexEntry): Uint8Array | Problem {
    const { isCompressed, plainBytes } = entry
    const body =
      entry.kind === "inline" ? this.#openInline(objectKey, entry) : this.#openEntry(objectKey, entry)
    if (body === undefined) return { problem: "it was altered, or is lost" }
    if (!isCompressed) return body
    try {
      return decompress(body, plainBytes)
    } catch (error) {
      return { problem: `it cannot be decompressed: ${String(error)}` }
    } finally {
      release(body)
    }
  }

  /** read(), and hashed again. */
  check(objectKey: Buffer, entry: IndexEntry): Problem | undefined {
    const content = this.read(objectKey, entry)
    if (!(content instanceof Uint8Array)) return content
    const digest = digestBytes(kindOf(objectKey), content)
    release(content)
    return digest.equals(this.#keys.digestIn(objectKey))
      ? undefined
      : { problem: "its content has another digest" }
  }

  digestOf(objectKey: Buffer): Digest {
    return `sha256:${this.#keys.digestIn(objectKey).toString("hex")}` as Digest
  }

  /** Whole entries in a tail, each with where it ends; what is torn or lost between them is passed over. */
  *findEntries(
    segment: number,
    fromBytes: number,
    sizeBytes: number,
  ): Generator<FoundEntry & { endBytes: number }> {
    let offset = fromBytes
    while (offset < sizeBytes) {
      const found = this.#entryAt({ segment, offset }, sizeBytes)
      if (found === undefined) {
        offset += BLOCK_BYTES
        continue
      }
      yield { ...found, endBytes: offset + entryBytes(found.entry.bodyBytes) }
      offset += blocksOf(found.entry.bodyBytes)
    }
  }

  #entryAt(location: Location, sizeBytes: number) {
    const headerBytes = this.#scratch.subarray(0, HEADER_BYTES)
    if (this.#segments.read(location, headerBytes) !== HEADER_BYTES) return undefined
    const header = decodeHeader(Buffer.from(headerBytes))
    if (header === undefined || header.bodyBytes > OBJECT_LIMITS.objectBytes) return undefined
    if (location.offset + entryBytes(header.bodyBytes) > sizeBytes) return undefined
    const { isCompressed, plainBytes, bodyBytes } = header
    const entry = { kind: "segment", isCompressed, plainBytes, bodyBytes, location } as const
    const objectKey = Buffer.from(header.objectKey)
    const body = this.#openEntry(objectKey, entry)
    if (body === undefined) return undefined
    release(body)
    return { objectKey, entry }
  }

  #openInline(objectKey: Buffer, entry: IndexEntry & { readonly kind: "inline" }): Buffer | undefined {
    const context = objectContext(objectKey, entry.isCompressed, entry.plainBytes, undefined)
    return unsealWhole(this.#keys.objects, context, entry.sealed)
  }

  #openEntry(objectKey: Buffer, entry: IndexEntry & { readonly kind: "segment" }): Buffer | undefined {
    const { isCompressed, plainBytes, bodyBytes, location } = entry
    if (bodyBytes > OBJECT_LIMITS.objectBytes) return undefined
    const whole = this.#scratch.subarray(0, entryBytes(bodyBytes))
    if (this.#segments.read(location, whole) !== whole.length) return undefined
    const context = objectContext(objectKey, isCompressed, plainBytes, location)
    const nonce = whole.subarray(52, 52 + NONCE_BYTES)
    const body = whole.subarray(HEADER_BYTES, HEADER_BYTES + bodyBytes)
    return unseal(this.#keys.objects, context, nonce, body, whole.subarray(HEADER_BYTES + bodyBytes))
  }
}

export interface Prepared {
  readonly isCompressed: boolean
  readonly plainBytes: number
  readonly body: Uint8Array
}

export interface Problem {
  readonly problem: string
}

export const kindOf = (objectKey: Buffer): ObjectKind => (objectKey[0] === KIND_BYTE.node ? "node" : "chunk")
