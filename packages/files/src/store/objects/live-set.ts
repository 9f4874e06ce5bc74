/*
 * Which objects a collection found to be in use: a Bloom filter with 16 bits for each object of the store, whatever the
 * store's size 2 MB for a million. It never forgets what was marked. One in 2000 that was not marked looks so, and is
 * kept until the next collection, which mixes differently.
 */
const BITS_PER_OBJECT = 16
const PROBES = 8

export class LiveSet {
  readonly #words: Uint32Array
  readonly #start: number
  readonly #stride: number

  constructor(objects: number, randomBytes: (count: number) => Uint8Array) {
    const bits = Math.max(objects, 1024) * BITS_PER_OBJECT
    this.#words = new Uint32Array(Math.ceil(bits / 32))
    const salt = Buffer.from(randomBytes(8))
    this.#start = salt.readUInt32LE(0)
    this.#stride = salt.readUInt32LE(4)
  }

  /** `objectKey`: kind and hidden digest, 33 bytes, of which each is as good as random. */
  add(objectKey: Buffer): void {
    this.#probe(objectKey, true)
  }

  has(objectKey: Buffer): boolean {
    return this.#probe(objectKey, false)
  }

  /** Whether all bits of this object were set; sets them where `sets`. */
  #probe(objectKey: Buffer, sets: boolean): boolean {
    const size = this.#words.length * 32
    const kind = objectKey[0] ?? 0
    let at = Math.imul(objectKey.readUInt32LE(1) ^ this.#start ^ kind, 0x9e37_79b1) >>> 0
    const step = (Math.imul(objectKey.readUInt32LE(5) ^ this.#stride, 0x85eb_ca6b) | 1) >>> 0
    for (let probe = 0; probe < PROBES; probe++) {
      at = (at + step + probe) >>> 0
      const bit = Math.floor((at / 2 ** 32) * size)
      const word = this.#words[bit >>> 5] ?? 0
      const mask = 1 << (bit & 31)
      if (sets) this.#words[bit >>> 5] = word | mask
      else if ((word & mask) === 0) return false
    }
    return true
  }
}
