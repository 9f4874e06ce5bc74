/*
 * Which objects a collection found to be in use: a Bloom filter with 16 bits for each object of the store, whatever the
 * store's size 2 MB for a million. It never forgets what was marked. One in 2000 that was not marked looks so, and is
 * kept until the next collection, which mixes differently.
 */
const BITS_PER_OBJECT = 16
const PROBES = 8

export class LiveSet {
  readonly #words: Uint32Array
  readonly #salt: Uint32Array

  constructor(objects: number, randomBytes: (count: number) => Uint8Array) {
    const bits = Math.max(objects, 1024) * BITS_PER_OBJECT
    this.#words = new Uint32Array(Math.ceil(bits / 32))
    this.#salt = new Uint32Array(Uint8Array.from(randomBytes(8)).buffer)
  }

  /** `objectKey`: kind and hidden digest, 33 bytes, of which each is as good as random. */
  add(objectKey: Buffer): void {
    for (const bit of this.#bits(objectKey)) {
      const at = bit >>> 5
      this.#words[at] = (this.#words[at] ?? 0) | (1 << (bit & 31))
    }
  }

  has(objectKey: Buffer): boolean {
    for (const bit of this.#bits(objectKey)) {
      if (((this.#words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  *#bits(objectKey: Buffer): Generator<number> {
    const [first = 0, second = 0] = this.#salt
    const size = this.#words.length * 32
    const kind = objectKey[0] ?? 0
    let at = Math.imul(objectKey.readUInt32LE(1) ^ first ^ kind, 0x9e37_79b1) >>> 0
    const step = (Math.imul(objectKey.readUInt32LE(5) ^ second, 0x85eb_ca6b) | 1) >>> 0
    for (let probe = 0; probe < PROBES; probe++) {
      at = (at + step + probe) >>> 0
      yield Math.floor((at / 2 ** 32) * size)
    }
  }
}
