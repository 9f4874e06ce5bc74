import type { Digest } from "@skerry/model"
import { ProtocolError, Reader, Writer } from "@skerry/wire"
import { type Entry, readDigest, readEntry, writeDigest, writeEntry } from "./entry.ts"
import { STATE_TREE } from "./limits.ts"
import { addTotals, NO_TOTALS, readTotals, type Totals, writeTotals } from "./totals.ts"

/*
 * The entries of a directory: a tree over the SHA-256 of their names. Up to 128 entries are a leaf, in the order of their
 * names; more are a branch by the next hexadecimal digit. So the entries alone decide the shape: equal directories are
 * equal bytes, however they came about. docs/state-store.md.
 */

export interface Leaf {
  readonly kind: "leaf"
  readonly entries: ReadonlyMap<string, Entry>
}

export interface Branch {
  readonly kind: "branch"
  /** One for each hexadecimal digit. */
  readonly children: readonly (Subtree | undefined)[]
}

/** Some of a directory's entries: those whose names' hashes begin alike. */
export interface Subtree {
  readonly digest: Digest
  readonly totals: Totals
}

export type DirectoryNode = Leaf | Branch

const FORMAT = 1
const LEAF = 1
const BRANCH = 2

export function encodeDirectoryNode(node: DirectoryNode): Uint8Array {
  const writer = new Writer(node.kind === "leaf" ? 128 + node.entries.size * 96 : 1040)
  writer.u8(FORMAT)
  writer.u8(node.kind === "leaf" ? LEAF : BRANCH)
  if (node.kind === "leaf") {
    writer.u16(node.entries.size)
    for (const entry of node.entries.values()) writeEntry(writer, entry)
    return writer.finish()
  }
  let mask = 0
  for (const [digit, child] of node.children.entries()) if (child !== undefined) mask |= 1 << digit
  writer.u16(mask)
  for (const child of node.children) {
    if (child === undefined) continue
    writeDigest(writer, child.digest)
    writeTotals(writer, child.totals)
  }
  return writer.finish()
}

/** Throws ProtocolError for what encodeDirectoryNode never makes. */
export function decodeDirectoryNode(content: Uint8Array): DirectoryNode {
  const reader = new Reader(content)
  const format = reader.u8()
  if (format !== FORMAT) throw new ProtocolError("bad-value", `A directory node has format ${format}`)
  const kind = reader.u8()
  const node = kind === LEAF ? readLeaf(reader) : kind === BRANCH ? readBranch(reader) : undefined
  if (node === undefined) throw new ProtocolError("unknown-tag", `A directory node has kind ${kind}`)
  reader.end()
  return node
}

function readLeaf(reader: Reader): Leaf {
  const count = reader.u16()
  if (count === 0 || count > STATE_TREE.leafEntries)
    throw new ProtocolError("bad-value", `A leaf has ${count} entries`)
  const entries = new Map<string, Entry>()
  let last = ""
  for (let index = 0; index < count; index++) {
    const entry = readEntry(reader)
    if (!isName(entry.name) || entry.name <= last)
      throw new ProtocolError("bad-value", "A leaf is out of order")
    last = entry.name
    entries.set(entry.name, entry)
  }
  return { kind: "leaf", entries }
}

function readBranch(reader: Reader): Branch {
  const mask = reader.u16()
  const children = Array.from({ length: STATE_TREE.branches }, (_, digit): Subtree | undefined => {
    if ((mask & (1 << digit)) === 0) return undefined
    const digest = readDigest(reader)
    return { digest, totals: readTotals(reader) }
  })
  return { kind: "branch", children }
}

export function totalsOf(node: DirectoryNode): Totals {
  if (node.kind === "branch") {
    return node.children.reduce<Totals>(
      (sum, child) => (child ? addTotals(sum, child.totals) : sum),
      NO_TOTALS,
    )
  }
  let files = node.entries.size
  let bytes = 0
  let maxId = 0n
  for (const { below, id, size } of node.entries.values()) {
    files += below.files
    bytes += size + below.bytes
    if (id > maxId) maxId = id
    if (below.maxId > maxId) maxId = below.maxId
  }
  return { entries: node.entries.size, files, bytes, maxId }
}

/** A key of a directory: never a path, nor a way up. */
export const isName = (name: string) =>
  name !== "" && name !== "." && name !== ".." && name.length <= 255 && !/[/\0]/.test(name)
