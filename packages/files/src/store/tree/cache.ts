import type { Digest } from "@skerry/model"

interface Kept<T> {
  readonly value: T
  readonly bytes: number
}

/** What was used lately, up to so many bytes; an estimate will do. */
export class Cache<T> {
  readonly #limitBytes: number
  readonly #onForget: (value: T) => void
  readonly #kept = new Map<Digest, Kept<T>>()
  #bytes = 0

  constructor(limitBytes: number, onForget: (value: T) => void = () => {}) {
    this.#limitBytes = limitBytes
    this.#onForget = onForget
  }

  get(digest: Digest): T | undefined {
    const kept = this.#kept.get(digest)
    if (kept === undefined) return undefined
    // To the end of the line: the first is the one that was not used for longest.
    this.#kept.delete(digest)
    this.#kept.set(digest, kept)
    return kept.value
  }

  set(digest: Digest, value: T, bytes: number): void {
    const known = this.#kept.get(digest)
    if (known !== undefined) this.#forget(digest, known)
    this.#kept.set(digest, { value, bytes })
    this.#bytes += bytes
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= this.#limitBytes) return
      this.#forget(oldest, kept)
    }
  }

  #forget(digest: Digest, { bytes, value }: Kept<T>): void {
    this.#kept.delete(digest)
    this.#bytes -= bytes
    this.#onForget(value)
  }
}
