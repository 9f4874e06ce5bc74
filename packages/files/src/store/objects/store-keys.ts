import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from "node:crypto"
import type { ObjectKind } from "../object-store.ts"
import { KIND_BYTE } from "./digest-of.ts"

/** One key for each purpose, all from the store's master key. */
export class StoreKeys {
  readonly objects: KeyObject
  readonly tables: KeyObject
  readonly journal: KeyObject
  readonly #names: KeyObject
  readonly #hide: (digest: Uint8Array) => Buffer
  readonly #show: (hidden: Uint8Array) => Buffer

  constructor(masterKey: Uint8Array) {
    const derive = (purpose: string) =>
      createSecretKey(Buffer.from(hkdfSync("sha256", masterKey, "", `skerry store: ${purpose}`, 32)))
    this.objects = derive("objects")
    this.tables = derive("tables")
    this.journal = derive("journal")
    this.#names = derive("names of records")
    const digests = derive("digests")
    const cipher = createCipheriv("aes-256-ecb", digests, null).setAutoPadding(false)
    const decipher = createDecipheriv("aes-256-ecb", digests, null).setAutoPadding(false)
    this.#hide = (digest) => cipher.update(digest)
    this.#show = (hidden) => decipher.update(hidden)
  }

  /**
   * Where an object is found: its kind, and its digest encrypted block by block. A digest is never twice in the store
   * and looks random, so there is nothing that a permutation of each half could show.
   */
  objectKey(kind: ObjectKind, digest: Uint8Array): Buffer {
    const key = Buffer.allocUnsafe(33)
    key[0] = KIND_BYTE[kind]
    key.set(this.#hide(digest), 1)
    return key
  }

  /** The digest in an object's key. */
  digestIn(objectKey: Uint8Array): Buffer {
    return this.#show(objectKey.subarray(1))
  }

  recordKey(name: string): Buffer {
    const code = createHmac("sha256", this.#names).update(name).digest()
    return Buffer.concat([Buffer.from("r"), code])
  }
}
