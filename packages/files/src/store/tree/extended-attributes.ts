import { ProtocolError, Reader, Writer } from "@skerry/wire"
import { StoreError } from "../object-store.ts"
import type { Entry } from "./entry.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { STATE_TREE } from "./limits.ts"

/** Names in latin1, and values; in the order of names. */
export type ExtendedAttributes = ReadonlyMap<string, Uint8Array>

/*
 *   attributes:  format u8 (1) · kind u8 (5) · count u16 · count × (name length u8, name, value length u32, value)
 */
const FORMAT = 1
const ATTRIBUTES = 5

export function keepAttributes(nodes: KeptNodes, attributes: ExtendedAttributes): Entry["attributes"] {
  if (attributes.size === 0) return undefined
  const writer = new Writer()
  writer.u8(FORMAT)
  writer.u8(ATTRIBUTES)
  writer.u16(attributes.size)
  for (const name of [...attributes.keys()].sort()) {
    const value = attributes.get(name) ?? new Uint8Array()
    writer.u8(name.length)
    writer.bytes(Buffer.from(name, "latin1"))
    writer.u32(value.length)
    writer.bytes(value)
  }
  const encoded = writer.finish()
  return encoded.length <= STATE_TREE.inlineAttributeBytes ? encoded : nodes.put("node", encoded)
}

/** Throws StoreError "damaged". */
export function keptAttributes(nodes: KeptNodes, kept: Entry["attributes"]): ExtendedAttributes {
  const attributes = new Map<string, Uint8Array>()
  if (kept === undefined) return attributes
  const reader = new Reader(typeof kept === "string" ? nodes.objects.get("node", kept) : kept)
  try {
    const format = reader.u8()
    const kind = reader.u8()
    if (format !== FORMAT || kind !== ATTRIBUTES)
      throw new ProtocolError("unknown-tag", `Format ${format}, kind ${kind}`)
    const count = reader.u16()
    for (let index = 0; index < count; index++) {
      const name = Buffer.from(reader.bytes(reader.u8())).toString("latin1")
      attributes.set(name, Uint8Array.from(reader.bytes(reader.u32())))
    }
    reader.end()
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new StoreError("damaged", `Extended attributes cannot be read: ${cause.message}`, { cause })
  }
  return attributes
}

/** As it is counted against the bound. */
export function attributeBytes(attributes: ExtendedAttributes): number {
  let bytes = 0
  for (const [name, value] of attributes) bytes += name.length + value.length + 5
  return bytes
}
