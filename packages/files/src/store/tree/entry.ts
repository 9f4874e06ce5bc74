import type { Digest } from "@skerry/model"
import { ProtocolError, type Reader, type Writer } from "@skerry/wire"
import { type NodeKind, TREE_LIMITS } from "../../file-tree.ts"
import { bytesOfDigest } from "../objects/digest-of.ts"
import { STATE_TREE } from "./limits.ts"
import { exactNumber, NO_TOTALS, readTotals, type Totals, writeTotals } from "./totals.ts"

/** A node as its directory names it; all of it but a file's content and a directory's entries. docs/state-store.md. */
export interface Entry {
  /** One byte for each character (latin1). Of the root: empty. */
  readonly name: string
  readonly kind: NodeKind
  readonly id: bigint
  readonly mode: number
  readonly accessTime: bigint
  readonly modifyTime: bigint
  readonly changeTime: bigint
  /** Of a file, in bytes. */
  readonly size: number
  /** Of a file: its chunks that are not holes. */
  readonly chunks: number
  /** Of a file: its chunk, or the list of its chunks. Of a directory: the node of its entries. Undefined: nothing in it. */
  readonly content: Digest | undefined
  /** Of a directory. */
  readonly below: Totals
  /** Of a symlink, in latin1. */
  readonly target: string
  /** Extended attributes, encoded: themselves, or the object that they are; undefined: there are none. */
  readonly attributes: Uint8Array | Digest | undefined
}

const KINDS: readonly NodeKind[] = ["file", "directory", "symlink"]
const HAS_CONTENT = 4
const HAS_INLINE_ATTRIBUTES = 8
const HAS_ATTRIBUTES = 16
const ALL_FLAGS = 31

export function writeEntry(writer: Writer, entry: Entry): void {
  const { attributes, content, kind } = entry
  let flags = KINDS.indexOf(kind)
  if (content !== undefined) flags |= HAS_CONTENT
  if (typeof attributes === "string") flags |= HAS_ATTRIBUTES
  else if (attributes !== undefined) flags |= HAS_INLINE_ATTRIBUTES
  writer.u8(flags)
  writer.u8(entry.name.length)
  writer.bytes(Buffer.from(entry.name, "latin1"))
  writer.u64(entry.id)
  writer.u16(entry.mode)
  writer.u64(BigInt.asUintN(64, entry.accessTime))
  writer.u64(BigInt.asUintN(64, entry.modifyTime))
  writer.u64(BigInt.asUintN(64, entry.changeTime))
  if (kind === "file") {
    writer.u64(BigInt(entry.size))
    writer.u64(BigInt(entry.chunks))
  }
  if (kind === "directory") writeTotals(writer, entry.below)
  if (kind === "symlink") {
    writer.u16(entry.target.length)
    writer.bytes(Buffer.from(entry.target, "latin1"))
  }
  if (content !== undefined) writeDigest(writer, content)
  if (typeof attributes === "string") writeDigest(writer, attributes)
  else if (attributes !== undefined) {
    writer.u16(attributes.length)
    writer.bytes(attributes)
  }
}

/** Throws ProtocolError for what writeEntry never makes. */
export function readEntry(reader: Reader): Entry {
  const flags = reader.u8()
  const kind = KINDS[flags & 3]
  if (kind === undefined || flags > ALL_FLAGS) throw bad(`An entry has flags ${flags}`)
  if (kind === "symlink" && (flags & HAS_CONTENT) !== 0) throw bad("A symlink has content")
  const name = latin1(reader, reader.u8())
  const id = reader.u64()
  const mode = reader.u16()
  if (mode > 0o7777) throw bad(`An entry has mode ${mode}`)
  const accessTime = BigInt.asIntN(64, reader.u64())
  const modifyTime = BigInt.asIntN(64, reader.u64())
  const changeTime = BigInt.asIntN(64, reader.u64())
  const size = kind === "file" ? exactNumber(reader) : 0
  const chunks = kind === "file" ? exactNumber(reader) : 0
  const below = kind === "directory" ? readTotals(reader) : NO_TOTALS
  const target = kind === "symlink" ? latin1(reader, bounded(reader.u16(), TREE_LIMITS.targetBytes)) : ""
  const content = (flags & HAS_CONTENT) === 0 ? undefined : readDigest(reader)
  const attributes = readAttributes(reader, flags)
  const times = { accessTime, modifyTime, changeTime }
  return { name, kind, id, mode, ...times, size, chunks, content, below, target, attributes }
}

function readAttributes(reader: Reader, flags: number): Entry["attributes"] {
  if ((flags & HAS_ATTRIBUTES) !== 0) return readDigest(reader)
  if ((flags & HAS_INLINE_ATTRIBUTES) === 0) return undefined
  return Uint8Array.from(reader.bytes(bounded(reader.u16(), STATE_TREE.inlineAttributeBytes)))
}

export const writeDigest = (writer: Writer, digest: Digest) => writer.bytes(bytesOfDigest(digest))

export const readDigest = (reader: Reader): Digest =>
  `sha256:${Buffer.from(reader.bytes(32)).toString("hex")}` as Digest

const bad = (message: string) => new ProtocolError("bad-value", message)

function bounded(length: number, most: number): number {
  if (length > most) throw new ProtocolError("too-large", `${length} bytes are over the limit of ${most}`)
  return length
}

const latin1 = (reader: Reader, length: number): string => {
  const bytes = reader.bytes(length)
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1")
}
