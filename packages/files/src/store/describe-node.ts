import { ProtocolError, Reader } from "@skerry/wire"
import { decodeDirectoryNode } from "./tree/directory-node.ts"
import { type Entry, readDigest } from "./tree/entry.ts"
import { STATE_TREE } from "./tree/limits.ts"
import { decodeRoot } from "./tree/root-node.ts"

/*
 * What a node of the store says, for whoever carries nodes elsewhere: a backup keeps it as text beside each node, so that
 * files can be found without this program, and knows from it what belongs to a version. docs/state-store.md.
 */

/** Digests in hexadecimal digits. */
export type Reference = { readonly kind: "chunk" | "node"; readonly digest: string }

interface Named {
  readonly name: Uint8Array
  /** Permission bits. */
  readonly mode: number
  /** Seconds since 1970. */
  readonly modifyTime: number
}

/** `content` undefined: there is nothing in it. */
export type NodeLine =
  | ({ readonly kind: "root" | "directory"; readonly content: Reference | undefined } & Named)
  | ({ readonly kind: "file"; readonly size: number; readonly content: Reference | undefined } & Named)
  | ({ readonly kind: "symlink"; readonly target: Uint8Array } & Named)
  /** The same directory goes on there; or the same file, so many bytes after where this node begins. */
  | { readonly kind: "more"; readonly offset: number; readonly content: Reference }
  /** Extended attributes of the entry before. */
  | { readonly kind: "attributes"; readonly content: Reference }

const KINDS = { leaf: 1, branch: 2, list: 3, root: 4, attributes: 5 } as const
const DIGEST_BYTES = 32
const NO_DIGEST = "0".repeat(64)

/** Throws ProtocolError for what is no node. */
export function* describeNode(content: Uint8Array): Generator<NodeLine> {
  switch (content[1]) {
    case KINDS.leaf:
    case KINDS.branch:
      yield* directoryLines(content)
      return
    case KINDS.list:
      yield* listLines(content)
      return
    case KINDS.root:
      yield* entryLines(decodeRoot(content), "root")
      return
    case KINDS.attributes:
      return
    default:
      throw new ProtocolError("unknown-tag", `A node has kind ${content[1]}`)
  }
}

function* directoryLines(content: Uint8Array): Generator<NodeLine> {
  const node = decodeDirectoryNode(content)
  if (node.kind === "leaf") {
    for (const entry of node.entries.values()) yield* entryLines(entry, entry.kind)
    return
  }
  for (const child of node.children) {
    if (child !== undefined) yield { kind: "more", offset: 0, content: nodeOf(child.digest) }
  }
}

function* entryLines(entry: Entry, kind: Entry["kind"] | "root"): Generator<NodeLine> {
  const named = {
    name: Buffer.from(entry.name, "latin1"),
    mode: entry.mode,
    modifyTime: Number(entry.modifyTime / 1_000_000_000n),
  }
  const { content, size } = entry
  if (kind === "symlink") yield { kind, target: Buffer.from(entry.target, "latin1"), ...named }
  else if (kind === "file") {
    const isChunk = size <= STATE_TREE.chunkBytes
    yield {
      kind,
      size,
      content: content && { kind: isChunk ? "chunk" : "node", digest: hex(content) },
      ...named,
    }
  } else yield { kind, content: content && nodeOf(content), ...named }
  if (typeof entry.attributes === "string") yield { kind: "attributes", content: nodeOf(entry.attributes) }
}

/** Of a file's content: chunks at height 1, else lists; where nothing is named, the file has zeros. */
function* listLines(content: Uint8Array): Generator<NodeLine> {
  const reader = new Reader(content)
  reader.bytes(2)
  const height = reader.u8()
  reader.u8()
  const span = STATE_TREE.chunkBytes * STATE_TREE.listDigests ** (height - 1)
  const count = Math.floor((content.length - 4) / DIGEST_BYTES)
  for (let index = 0; index < count; index++) {
    const digest = hex(readDigest(reader))
    if (digest === NO_DIGEST) continue
    yield { kind: "more", offset: index * span, content: { kind: height === 1 ? "chunk" : "node", digest } }
  }
  reader.end()
}

const hex = (digest: string) => digest.slice("sha256:".length)
const nodeOf = (digest: string): Reference => ({ kind: "node", digest: hex(digest) })
