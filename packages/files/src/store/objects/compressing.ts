import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib"

/** Below this there is little to win, and each call costs 20 µs. */
const LEAST_BYTES = 512
/** Where it saves less than a sixteenth, reading is better off without. */
const WORTH = 15 / 16
const SAMPLED_BYTES = 2048
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
function looksCompressible(plain: Uint8Array): boolean {
  counts.fill(0)
  const samples = Math.min(plain.length, SAMPLED_BYTES)
  const runBytes = 64
  const runs = Math.ceil(samples / runBytes)
  const stride = Math.floor(plain.length / runs)
  let total = 0
  for (let run = 0; run < runs; run++) {
    const end = Math.min(run * stride + runBytes, plain.length)
    for (let at = run * stride; at < end; at++) {
      const value = plain[at] ?? 0
      counts[value] = (counts[value] ?? 0) + 1
      total += 1
    }
  }
  let pairs = 0
  for (const count of counts) pairs += count * (count - 1)
  return pairs > (LEAST_REPETITION * total * (total - 1)) / 256
}
