import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib"

/** Below this there is little to win, and each call costs 20 µs. */
const LEAST_BYTES = 512
/** Where it saves less than a sixteenth, reading is better off without. */
const WORTH = 15 / 16
const SAMPLED_BYTES = 2048
/** What runs of the sample are moved by: pages of databases begin with much that is alike, and say little of the rest. */
const SHIFT_BYTES = 1151
/** Of equal pairs in the sample, beside what random bytes have: 1.0 is random, text has 10 and more. */
const LEAST_REPETITION = 1.25
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 }
/** Node gathers the output in pieces of this size: one piece, with what zstd adds at most, saves joining them. */
const pieceBytes = (bytes: number) => bytes + Math.ceil(bytes / 128) + 128
const counts = new Uint16Array(256)

/** Compressed, or undefined where that does not pay. */
export function compress(plain: Uint8Array): Uint8Array | undefined {
  if (plain.length < LEAST_BYTES || !looksCompressible(plain)) return undefined
  const compressed = zstdCompressSync(plain, { params: PARAMS, chunkSize: pieceBytes(plain.length) })
  return compressed.length <= plain.length * WORTH ? compressed : undefined
}

/** Throws where it is not what compress() made of so many bytes. */
export function decompress(compressed: Uint8Array, plainBytes: number): Uint8Array {
  const maxOutputLength = Math.max(plainBytes, 1)
  const plain = zstdDecompressSync(compressed, { maxOutputLength, chunkSize: pieceBytes(plainBytes) })
  if (plain.length !== plainBytes) throw new Error(`Expected ${plainBytes} bytes, got ${plain.length}`)
  return plain
}

/** By how often values of bytes repeat in a sample: 4 µs, where compressing in vain takes a hundred. */
export function looksCompressible(plain: Uint8Array): boolean {
  counts.fill(0)
  const samples = Math.min(plain.length, SAMPLED_BYTES)
  const runBytes = 64
  const runs = Math.ceil(samples / runBytes)
  const stride = Math.floor(plain.length / runs)
  const play = Math.max(1, stride - runBytes)
  let total = 0
  for (let run = 0; run < runs; run++) {
    const start = run * stride + (((run + 1) * SHIFT_BYTES) % play)
    const end = Math.min(start + runBytes, plain.length)
    for (let at = start; at < end; at++) {
      const value = plain[at] ?? 0
      counts[value] = (counts[value] ?? 0) + 1
      total += 1
    }
  }
  let pairs = 0
  for (const count of counts) pairs += count * (count - 1)
  return pairs > (LEAST_REPETITION * total * (total - 1)) / 256
}
