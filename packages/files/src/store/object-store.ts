import type { Digest } from "@skerry/model"

/*
 * The lower half of the store: objects by digest, encrypted, each kept once; and a few named records. The upper half
 * (tree/) knows what objects mean. docs/state-store.md has the format.
 */

/** "chunk": content of files. "node": directories and lists of chunks, read often and small. */
export type ObjectKind = "chunk" | "node"

export type StoreErrorCode =
  | "locked-out" // another server has this store open
  | "wrong-key" // the passphrase or key file does not fit
  | "too-new" // written by a later version
  | "damaged" // an object is missing, or is not what its digest says
  | "no-space"
  | "not-a-store"
  | "io"

export class StoreError extends Error {
  override readonly name = "StoreError"
  readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export const OBJECT_LIMITS = {
  /** Bytes of one object before compression. */
  objectBytes: 1024 * 1024,
  /** Of the name of a record, in bytes. */
  recordNameBytes: 256,
} as const

export type StoreKey =
  | { readonly kind: "passphrase"; readonly passphrase: string }
  | { readonly kind: "key-file"; readonly bytes: Uint8Array }

export interface Damage {
  readonly kind: ObjectKind
  readonly digest: Digest
  readonly problem: string
}

export interface StoreSpace {
  /** On disk, everything included. */
  readonly storedBytes: number
  /** What the file system below still has, within the store's own bound. */
  readonly freeBytes: number
  readonly objects: number
}

/**
 * Digests are SHA-256 over kind and content before compression and encryption, as text like every Digest: equal content
 * has an equal digest in every store, whatever its key. One process has a store open at a time.
 */
export interface ObjectStore extends Disposable {
  /** Keeps the object; what is there already costs no space. Throws "no-space": nothing is kept then. */
  put(kind: ObjectKind, content: Uint8Array): Digest
  /** The content, checked against the digest: a buffer of the caller's own. Throws "damaged". */
  get(kind: ObjectKind, digest: Digest): Uint8Array
  /** Not what get() or verify() found damaged: putting that again mends it. */
  has(kind: ObjectKind, digest: Digest): boolean
  /** Bytes that it takes on disk; 0: it is not there. For du. */
  storedBytes(kind: ObjectKind, digest: Digest): number
  /** After it returns, chunks put so far survive the loss of power, once a record or journal names them. */
  flush(): void
  /** One transaction, durable when it returns: nodes put so far, the index of chunks, and these records (undefined: removed). */
  commit(records: ReadonlyMap<string, Uint8Array | undefined>): void
  record(name: string): Uint8Array | undefined
  /** Names that begin so, in order of their bytes. */
  records(prefix: string): readonly string[]
  /** Encrypts with the store's key, for the journal beside it; `context` must be the same to open, and is authenticated. */
  seal(context: string, plain: Uint8Array): Uint8Array
  /** undefined: it was not sealed by this store in this context, or was altered. */
  open(context: string, sealed: Uint8Array): Uint8Array | undefined
  /**
   * Removes what is not live, a part at a time: begin, mark everything reachable, then sweep until it returns
   * "done". Objects that are put meanwhile, or that has() was asked for, are live. Bytes freed are counted in the report.
   */
  beginCollection(): Collection
  /**
   * Re-reads so many objects from where the last call stopped; `undefined` cursor: from the start; returned undefined:
   * the end. Throws "damaged" for what is not an object: then the store would not open again.
   */
  verify(
    cursor: string | undefined,
    most: number,
  ): {
    readonly cursor: string | undefined
    readonly checked: number
    readonly damage: readonly Damage[]
  }
  space(): StoreSpace
  /** Re-encrypts the store's key alone. Throws "wrong-key" for a wrong present one. */
  changeKey(present: StoreKey, next: StoreKey): void
}

export interface Collection {
  mark(kind: ObjectKind, digest: Digest): void
  /** Looks at so many objects. */
  sweep(most: number): { readonly isDone: boolean; readonly removed: number; readonly freedBytes: number }
}
