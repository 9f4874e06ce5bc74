import type { Digest } from "@skerry/model"

/** Roots that somebody reads, or may go back to: no version may name them any more, and they are kept all the same. */
export class Pins {
  readonly #counts = new Map<Digest, number>()

  get roots(): Iterable<Digest> {
    return this.#counts.keys()
  }

  /** What is returned lets go of it, the first time that it is called. */
  pin(root: Digest): () => void {
    this.#counts.set(root, (this.#counts.get(root) ?? 0) + 1)
    let isPinned = true
    return () => {
      if (!isPinned) return
      isPinned = false
      const left = (this.#counts.get(root) ?? 0) - 1
      if (left > 0) this.#counts.set(root, left)
      else this.#counts.delete(root)
    }
  }
}
