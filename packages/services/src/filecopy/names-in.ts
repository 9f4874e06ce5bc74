import { opendirSync } from "node:fs"

/** What an open directory has, a few entries at a time; the descriptor stays the caller's. */
export function* namesIn(directory: number): Generator<Buffer> {
  // Names as bytes: they need not be UTF-8. The type says string for every encoding.
  const listing = opendirSync(`/proc/self/fd/${directory}`, {
    encoding: "buffer" as BufferEncoding,
    bufferSize: 256,
  })
  try {
    for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
      yield Buffer.from(entry.name as unknown as Uint8Array)
    }
  } finally {
    listing.closeSync()
  }
}
