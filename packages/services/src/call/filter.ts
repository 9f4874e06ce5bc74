import { Transform } from "node:stream"

const UNDERSCORE = 0x5f
const KEPT = new Set([0x09, 0x0a, 0x0d])

/** A terminal obeys what it is written: only printable ASCII, tabs and line ends of a service reach it. */
export function filterControls(bytes: Uint8Array): Buffer {
  const filtered = Buffer.from(bytes)
  for (let index = 0; index < filtered.length; index++) {
    const byte = filtered[index] ?? 0
    if ((byte < 0x20 || byte > 0x7e) && !KEPT.has(byte)) filtered[index] = UNDERSCORE
  }
  return filtered
}

export function controlFilter(): Transform {
  return new Transform({
    transform: (chunk: Uint8Array, _encoding, done) => done(null, filterControls(chunk)),
  })
}
