import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import type { Digest } from "@skerry/model"
import {
  type Collection,
  type Damage,
  OBJECT_LIMITS,
  type ObjectKind,
  type ObjectStore,
  StoreError,
  type StoreKey,
} from "../object-store.ts"
import { digestOf } from "./digest-of.ts"

interface Kept {
  readonly kind: ObjectKind
  readonly digest: Digest
  readonly content: Uint8Array
  /** Survives the loss of power: it was there at the last commit. */
  isCommitted: boolean
}

/** What a store in memory would have on disk: outlives the store, so that tests can open it again. */
export class MemoryStoreContents {
  readonly objects = new Map<string, Kept>()
  readonly records = new Map<string, Uint8Array>()
  readonly sealingKey = randomBytes(32)

  /** Forgets what was never committed, as the loss of power may. */
  losePower(): void {
    for (const [key, kept] of this.objects) if (!kept.isCommitted) this.objects.delete(key)
  }
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
const compareBytes = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right))

/** Keeps the promises of ObjectStore for as long as `contents` lives; for tests. It has no key to change. */
export function memoryObjectStore(
  options: { readonly contents?: MemoryStoreContents; readonly limitBytes?: number } = {},
): ObjectStore {
  const { contents = new MemoryStoreContents(), limitBytes = Number.MAX_SAFE_INTEGER } = options
  return new MemoryObjectStore(contents, limitBytes)
}

class MemoryObjectStore implements ObjectStore {
  readonly #contents: MemoryStoreContents
  readonly #limitBytes: number
  #storedBytes = 0
  /** Objects put or marked since the collection began; undefined: none is under way. */
  #live: Set<string> | undefined

  constructor(contents: MemoryStoreContents, limitBytes: number) {
    this.#contents = contents
    this.#limitBytes = limitBytes
    for (const { content } of contents.objects.values()) this.#storedBytes += content.length
    for (const value of contents.records.values()) this.#storedBytes += value.length
  }

  put(kind: ObjectKind, content: Uint8Array): Digest {
    if (content.length > OBJECT_LIMITS.objectBytes) {
      throw new RangeError(`Cannot keep an object of ${content.length} bytes`)
    }
    const digest = digestOf(kind, content)
    const key = keyOf(kind, digest)
    this.#live?.add(key)
    if (this.#contents.objects.has(key)) return digest
    this.#take(content.length)
    this.#contents.objects.set(key, { kind, digest, content: Uint8Array.from(content), isCommitted: false })
    return digest
  }

  get(kind: ObjectKind, digest: Digest): Uint8Array {
    const kept = this.#contents.objects.get(keyOf(kind, digest))
    if (kept === undefined) throw new StoreError("damaged", `The ${kind} ${digest} is missing`)
    return Uint8Array.from(kept.content)
  }

  has(kind: ObjectKind, digest: Digest): boolean {
    this.#live?.add(keyOf(kind, digest))
    return this.#contents.objects.has(keyOf(kind, digest))
  }

  storedBytes(kind: ObjectKind, digest: Digest): number {
    return this.#contents.objects.get(keyOf(kind, digest))?.content.length ?? 0
  }

  flush(): void {
    for (const kept of this.#contents.objects.values()) if (kept.kind === "chunk") kept.isCommitted = true
  }

  commit(records: ReadonlyMap<string, Uint8Array | undefined>): void {
    let growth = 0
    for (const [name, value] of records) {
      if (Buffer.byteLength(name) > OBJECT_LIMITS.recordNameBytes) {
        throw new RangeError(`Cannot name a record ${JSON.stringify(name)}: too long`)
      }
      growth += (value?.length ?? 0) - (this.#contents.records.get(name)?.length ?? 0)
    }
    this.#storedBytes += growth
    for (const [name, value] of records) {
      if (value === undefined) this.#contents.records.delete(name)
      else this.#contents.records.set(name, Uint8Array.from(value))
    }
    for (const kept of this.#contents.objects.values()) kept.isCommitted = true
  }

  record(name: string): Uint8Array | undefined {
    return this.#contents.records.get(name)
  }

  records(prefix: string): readonly string[] {
    return [...this.#contents.records.keys()].filter((name) => name.startsWith(prefix)).sort(compareBytes)
  }

  seal(context: string, plain: Uint8Array): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv("aes-256-gcm", this.#contents.sealingKey, nonce)
    cipher.setAAD(Buffer.from(context))
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  }

  open(context: string, sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
    const nonce = sealed.subarray(0, NONCE_BYTES)
    const decipher = createDecipheriv("aes-256-gcm", this.#contents.sealingKey, nonce)
    decipher.setAAD(Buffer.from(context))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES))
    try {
      decipher.final()
      return plain
    } catch {
      return undefined // altered, or of another context: the only thing that final() fails for
    }
  }

  beginCollection(): Collection {
    const live = new Set<string>()
    this.#live = live
    const candidates = this.#contents.objects.keys()
    return {
      mark: (kind, digest) => live.add(keyOf(kind, digest)),
      sweep: (most) => this.#sweep(candidates, live, most),
    }
  }

  verify(cursor: string | undefined, most: number) {
    const keys = [...this.#contents.objects.keys()].sort()
    const from = cursor === undefined ? 0 : keys.findIndex((key) => key > cursor)
    const some = from === -1 ? [] : keys.slice(from, from + most)
    const damage = some.flatMap((key): Damage[] => {
      const kept = this.#contents.objects.get(key)
      if (kept === undefined || digestOf(kept.kind, kept.content) === kept.digest) return []
      return [{ kind: kept.kind, digest: kept.digest, problem: "its content has another digest" }]
    })
    const isAll = from === -1 || from + some.length >= keys.length
    return { cursor: isAll ? undefined : some.at(-1), checked: some.length, damage }
  }

  space() {
    const { size } = this.#contents.objects
    return { storedBytes: this.#storedBytes, freeBytes: this.#limitBytes - this.#storedBytes, objects: size }
  }

  changeKey(_present: StoreKey, _next: StoreKey): void {
    throw new StoreError("wrong-key", "A store in memory has no key to change")
  }

  [Symbol.dispose](): void {}

  #take(bytes: number): void {
    if (this.#storedBytes + bytes > this.#limitBytes) {
      throw new StoreError("no-space", `The store's bound of ${this.#limitBytes} bytes is reached`)
    }
    this.#storedBytes += bytes
  }

  #sweep(candidates: Iterator<string>, live: ReadonlySet<string>, most: number) {
    if (this.#live !== live) return { isDone: true, removed: 0, freedBytes: 0 }
    let removed = 0
    let freedBytes = 0
    let isDone = false
    for (let seen = 0; seen < most; seen++) {
      const { value: key, done } = candidates.next()
      if (done === true) {
        this.#live = undefined
        isDone = true
        break
      }
      const kept = this.#contents.objects.get(key)
      if (live.has(key) || kept === undefined) continue
      this.#contents.objects.delete(key)
      removed += 1
      freedBytes += kept.content.length
    }
    this.#storedBytes -= freedBytes
    return { isDone, removed, freedBytes }
  }
}

const keyOf = (kind: ObjectKind, digest: Digest) => `${kind} ${digest}`
