const DIGEST_BYTES = 32

/** SHA-256 digests, 32 bytes each and little besides: a backup of a terabyte names some eight million. */
export class DigestSet {
  #slots: Buffer
  /** A power of two. */
  #capacity: number
  #size = 0

  constructor() {
    this.#capacity = 1024
    this.#slots = Buffer.alloc(this.#capacity * DIGEST_BYTES)
  }

  get size(): number {
    return this.#size
  }

  has(digest: Uint8Array): boolean {
    return this.#isTaken(this.#find(digest))
  }

  /** False: it was there already. */
  add(digest: Uint8Array): boolean {
    const at = this.#find(digest)
    if (this.#isTaken(at)) return false
    this.#slots.set(digest, at)
    this.#size += 1
    if (this.#size * 3 > this.#capacity * 2) this.#grow()
    return true
  }

  *[Symbol.iterator](): Generator<Buffer> {
    for (let at = 0; at < this.#slots.length; at += DIGEST_BYTES) {
      if (this.#isTaken(at)) yield this.#slots.subarray(at, at + DIGEST_BYTES)
    }
  }

  /** Where it is, or the free place where it would be; nobody can make a SHA-256 of zeros, which means free. */
  #find(digest: Uint8Array): number {
    const mask = this.#capacity - 1
    const start =
      (digest[0] ?? 0) | ((digest[1] ?? 0) << 8) | ((digest[2] ?? 0) << 16) | ((digest[3] ?? 0) << 24)
    for (let slot = start & mask; ; slot = (slot + 1) & mask) {
      const at = slot * DIGEST_BYTES
      if (!this.#isTaken(at)) return at
      if (this.#slots.compare(digest, 0, DIGEST_BYTES, at, at + DIGEST_BYTES) === 0) return at
    }
  }

  #isTaken(at: number): boolean {
    for (let word = 0; word < DIGEST_BYTES; word += 4) {
      if (this.#slots.readUInt32LE(at + word) !== 0) return true
    }
    return false
  }

  #grow(): void {
    const before = [...this]
    this.#capacity *= 2
    this.#slots = Buffer.alloc(this.#capacity * DIGEST_BYTES)
    this.#size = 0
    for (const digest of before) this.add(digest)
  }
}
