import { createCipheriv, createDecipheriv, createHash, type KeyObject } from "node:crypto"
import { release } from "./release.ts"

/*
 * AES-256-GCM. A nonce is 8 bytes that belong to one opening of the store and a counter of 4 bytes, so two of them are
 * never equal unless the first 8 bytes are. Those are a hash over how often the store was opened, the time, and
 * random bytes: a copied store, a clock that was set back or a generator that repeats itself (as in a cloned virtual
 * machine) is not enough alone.
 *
 * The key is a KeyObject: with plain bytes each call takes four times as long, at small sizes.
 */
export const NONCE_BYTES = 12
export const TAG_BYTES = 16
const CIPHER = "aes-256-gcm"
const PREFIX_BYTES = 8
const COUNTS = 2 ** 32

export interface Sealed {
  readonly nonce: Uint8Array
  readonly body: Uint8Array
  readonly tag: Uint8Array
}

export interface NonceSources {
  readonly openings: number
  readonly now: () => number
  readonly randomBytes: (count: number) => Uint8Array
}

export class Sealer {
  readonly #sources: NonceSources
  #prefix: Uint8Array
  #count = 0
  #round = 0

  constructor(sources: NonceSources) {
    this.#sources = sources
    this.#prefix = this.#newPrefix()
  }

  seal(key: KeyObject, context: Uint8Array, plain: Uint8Array): Sealed {
    const nonce = this.#nextNonce()
    const cipher = createCipheriv(CIPHER, key, nonce)
    cipher.setAAD(context)
    const body = cipher.update(plain)
    cipher.final()
    return { nonce, body, tag: cipher.getAuthTag() }
  }

  /** Nonce, body and tag in one piece. */
  sealWhole(key: KeyObject, context: Uint8Array, plain: Uint8Array): Buffer {
    const { nonce, body, tag } = this.seal(key, context, plain)
    const whole = Buffer.concat([nonce, body, tag])
    release(body)
    return whole
  }

  #nextNonce(): Buffer {
    if (this.#count === COUNTS) {
      this.#prefix = this.#newPrefix()
      this.#count = 0
    }
    const nonce = Buffer.allocUnsafe(NONCE_BYTES)
    nonce.set(this.#prefix)
    nonce.writeUInt32BE(this.#count, PREFIX_BYTES)
    this.#count += 1
    return nonce
  }

  #newPrefix(): Uint8Array {
    const { openings, now, randomBytes } = this.#sources
    const round = this.#round++
    const hash = createHash("sha256").update(`${openings} ${round} ${now()} `).update(randomBytes(32))
    return hash.digest().subarray(0, PREFIX_BYTES)
  }
}

/** undefined: another key or context sealed it, or it was altered. */
export function unseal(
  key: KeyObject,
  context: Uint8Array,
  nonce: Uint8Array,
  body: Uint8Array,
  tag: Uint8Array,
): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(context)
  decipher.setAuthTag(tag)
  const plain = decipher.update(body)
  try {
    decipher.final()
    return plain
  } catch {
    return undefined // the tag does not fit: the only thing that final() fails for
  }
}

/** The counterpart of sealWhole(). */
export function unsealWhole(key: KeyObject, context: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
  const nonce = sealed.subarray(0, NONCE_BYTES)
  const body = sealed.subarray(NONCE_BYTES, -TAG_BYTES)
  return unseal(key, context, nonce, body, sealed.subarray(-TAG_BYTES))
}
