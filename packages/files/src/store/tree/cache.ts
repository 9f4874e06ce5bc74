import type { Digest } from "@skerry/model"

/** What was used lately, up to so many bytes; an estimate will do. */
export class Cache<T> {
  readonly #limitBytes: number
  readonly #kept = new Map<Digest, { readonly value: T; readonly bytes: number }>()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
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
    if (known !== undefined) this.#forget(digest, known.bytes)
    this.#kept.set(digest, { value, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= this.#limitBytes) return
      this.#forget(oldest, bytes)
    }
  }

  #forget(digest: Digest, bytes: number): void {
    this.#kept.delete(digest)
    this.#bytes -= bytes
  }
}
