import type { Digest } from "@skerry/model"
import { StoreError } from "../object-store.ts"
import { bytesOfDigest } from "../objects/digest-of.ts"
import { putTrimmed } from "./file-content.ts"
import { STATE_TREE } from "./limits.ts"
import type { TurnLog } from "./turn-log.ts"
import type { WorkNode } from "./work-node.ts"
import type { WorkTree } from "./work-tree.ts"

const { chunkBytes, wholeChunkPieceBytes } = STATE_TREE

/**
 * Less than this may stand in the index, which is not written before the store commits; more stands in a segment file,
 * where it outlives the server.
 */
const SEGMENT_BYTES = 2048

interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
  /** A whole chunk is an object before anything changes: where there is no space, nothing has been written. */
  readonly whole: { readonly digest: Digest | undefined } | undefined
}

/** Bulk content is written once: whole chunks become objects, and the journal names them. The rest goes into the journal. */
export function writeFile(
  tree: WorkTree,
  log: TurnLog,
  node: WorkNode,
  bytes: Uint8Array,
  offset: number,
  time: bigint,
): void {
  for (const piece of [...piecesOf(tree, bytes, offset)]) {
    if (piece.whole === undefined) writePart(tree, log, node, piece, time)
    else {
      const index = piece.offset / chunkBytes
      tree.setChunk(node, index, piece.whole.digest, piece.offset + chunkBytes, time)
      if (isLasting(tree, piece.whole.digest))
        logChunk(log, node, index, piece.whole.digest, piece.offset + chunkBytes, time)
      else logPart(log, node, piece, time)
    }
  }
}

function* piecesOf(tree: WorkTree, bytes: Uint8Array, offset: number): Generator<Piece, void, undefined> {
  for (let done = 0; done < bytes.length; ) {
    const start = offset + done
    const length = Math.min(chunkBytes - (start % chunkBytes), bytes.length - done)
    const piece = bytes.subarray(done, done + length)
    const whole = length === chunkBytes ? { digest: putTrimmed(tree.nodes, piece) } : undefined
    yield { offset: start, bytes: piece, whole }
    done += length
  }
}

function writePart(tree: WorkTree, log: TurnLog, node: WorkNode, piece: Piece, time: bigint): void {
  const { bytes, offset } = piece
  tree.write(node, bytes, offset, time)
  const end = offset + bytes.length
  const endsChunk = end % chunkBytes === 0 && bytes.length >= wholeChunkPieceBytes
  const index = Math.floor(offset / chunkBytes)
  const digest = endsChunk ? tryPut(node, index) : undefined
  if (digest !== undefined && isLasting(tree, digest)) logChunk(log, node, index, digest, end, time)
  else logPart(log, node, piece, time)
}

/** Undefined: not now, it stays in memory. */
function tryPut(node: WorkNode, index: number): Digest | undefined {
  try {
    return node.file?.putChunk(index)
  } catch (error) {
    if (error instanceof StoreError && error.code === "no-space") return undefined
    throw error
  }
}

const isLasting = ({ nodes }: WorkTree, digest: Digest | undefined) =>
  digest === undefined || nodes.objects.storedBytes("chunk", digest) > SEGMENT_BYTES

function logChunk(
  log: TurnLog,
  node: WorkNode,
  index: number,
  digest: Digest | undefined,
  end: number,
  time: bigint,
): void {
  const content = digest === undefined ? new Uint8Array() : bytesOfDigest(digest)
  const numbers = { index: BigInt(index), end: BigInt(end), time: BigInt.asUintN(64, time) }
  log.add({ kind: "chunk", id: node.id, digest: content, ...numbers }, node)
}

function logPart(log: TurnLog, node: WorkNode, { bytes, offset }: Piece, time: bigint): void {
  const numbers = { offset: BigInt(offset), time: BigInt.asUintN(64, time) }
  log.add({ kind: "write", id: node.id, content: bytes, ...numbers }, node)
}
