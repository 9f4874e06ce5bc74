import { ProtocolError, Reader, Writer } from "@skerry/wire"
import { type Entry, readEntry, writeEntry } from "./entry.ts"

/* A tree at one moment: its root directory, as an entry without a name. Its digest names a version. */

const FORMAT = 1
const ROOT = 4

export function encodeRoot(entry: Entry): Uint8Array {
  const writer = new Writer()
  writer.u8(FORMAT)
  writer.u8(ROOT)
  writeEntry(writer, entry)
  return writer.finish()
}

/** Throws ProtocolError. */
export function decodeRoot(content: Uint8Array): Entry {
  const reader = new Reader(content)
  const format = reader.u8()
  const kind = reader.u8()
  if (format !== FORMAT || kind !== ROOT) {
    throw new ProtocolError("bad-value", `Format ${format}, kind ${kind} is no root of a tree`)
  }
  const entry = readEntry(reader)
  reader.end()
  if (entry.kind !== "directory" || entry.name !== "")
    throw new ProtocolError("bad-value", "A root is a directory")
  return entry
}
