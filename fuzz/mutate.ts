import type { Prng } from "./prng.ts"

/** Numbers that sit at the edges of fields and limits. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x1_0000, 0x1_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const

/** A copy of `bytes` with a few changes of the kinds that find faults in parsers. */
export function mutate(prng: Prng, bytes: Uint8Array): Uint8Array {
  let result = Uint8Array.from(bytes)
  for (let change = prng.below(4); change >= 0; change--) result = changeOnce(prng, result)
  return result
}

function changeOnce(prng: Prng, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = prng.below(bytes.length + 1)
  const length = prng.below(16)
  switch (prng.below(6)) {
    case 0: // one bit
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << prng.below(8))
      return bytes
    case 1: // one byte
      if (at < bytes.length) bytes[at] = prng.u32()
      return bytes
    case 2: // a number at an edge
      if (at + 4 <= bytes.length) new DataView(bytes.buffer).setUint32(at, prng.pick(EDGES), true)
      return bytes
    case 3: // cut out
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)])
    case 4: // put in
      return Uint8Array.from([...bytes.subarray(0, at), ...prng.bytes(length), ...bytes.subarray(at)])
    default: // say again
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(Math.max(0, at - length))])
  }
}
