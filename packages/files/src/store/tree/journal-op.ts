import { bool, bytes, type Codec, type Decoded, oneOf, optional, struct, u16, u64, union } from "@skerry/wire"
import { TREE_LIMITS } from "../../file-tree.ts"
import { STATE_TREE } from "./limits.ts"

/** Text of one byte for each character. */
function latin1(limit: { readonly max: number }): Codec<string> {
  const inner = bytes(limit)
  return {
    encode: (writer, value) => inner.encode(writer, Buffer.from(value, "latin1")),
    decode(reader) {
      const value = inner.decode(reader)
      return Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1")
    },
  }
}

const name = latin1({ max: TREE_LIMITS.nameBytes })

/**
 * One change of a tree, with all that it depends on: made again, it gives the same tree. Nodes are named by their ids; where
 * one is, `place` tells before it is first named in a life of the journal. docs/state-store.md.
 */
export const JournalOp = union({
  place: struct({ id: u64, directory: u64, name }),
  create: struct({
    directory: u64,
    name,
    nodeKind: oneOf("file", "directory", "symlink"),
    id: u64,
    mode: u16,
    time: u64,
    target: latin1({ max: TREE_LIMITS.targetBytes }),
  }),
  /** Within one chunk. */
  write: struct({ id: u64, offset: u64, time: u64, content: bytes({ max: STATE_TREE.chunkBytes }) }),
  /** A chunk that is an object already; none: a hole. The file reaches at least to `end`. */
  chunk: struct({ id: u64, index: u64, digest: bytes({ max: 32 }), end: u64, time: u64 }),
  resize: struct({ id: u64, size: u64, time: u64 }),
  attributes: struct({ id: u64, mode: u16, accessTime: u64, modifyTime: u64, changeTime: u64 }),
  /** None: it is removed. */
  extended: struct({
    id: u64,
    name,
    value: optional(bytes({ max: TREE_LIMITS.attributeBytes })),
    time: u64,
  }),
  /** `isKept`: what had the name is held by somebody. */
  rename: struct({ from: u64, fromName: name, to: u64, toName: name, time: u64, isKept: bool }),
  remove: struct({ directory: u64, name, time: u64, isKept: bool }),
  /** Nobody holds the removed node any more. */
  forget: struct({ id: u64 }),
})
export type JournalOp = Decoded<typeof JournalOp>

/** Stands before each change in a turn; NO_MORE_OPS after the last. */
export const ANOTHER_OP = 1
export const NO_MORE_OPS = 0
