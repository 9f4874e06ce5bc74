import type { PortHandler } from "@skerry/loop"
import { CallFailure, STATE_METHODS, TreeRecord } from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import { framedRecord, RecordReader } from "./record-stream.ts"
import { inSlices, receivePieces, sendPieces, workOn } from "./state-calls.ts"
import type { OpenState, StateKeeper } from "./state-keeper.ts"
import { entryAt } from "./tree/change-tree.ts"
import { presentChunks } from "./tree/chunk-list.ts"
import { entriesOf } from "./tree/directory-trie.ts"
import type { Entry } from "./tree/entry.ts"
import { STATE_TREE } from "./tree/limits.ts"
import { parsePath } from "./tree/paths.ts"
import { TreeImport } from "./tree/tree-import.ts"

const { stateExport, stateImport } = STATE_METHODS

/** A record of a tree: a piece, or an entry with its path and target. */
const RECORD_BYTES = 512 * 1024
/** Bytes between two events of progress. */
const PROGRESS_BYTES = 4 * 1024 * 1024

export function importHandler(keeper: StateKeeper): PortHandler {
  return {
    id: stateImport.id,
    start(call, untrustedParams) {
      const { merge, path, tree } = decode(stateImport.params, untrustedParams)
      let abandon = () => {}
      const work = workOn(call, () => abandon())
      try {
        const { store, versions } = keeper.open
        const stored = store.stored(tree, "make")
        const into = new TreeImport(store, stored, parsePath(path), merge)
        abandon = () => into.abandon()
        const records = new RecordReader(TreeRecord, RECORD_BYTES)
        let told = 0
        const take = (piece: Uint8Array) => {
          records.push(piece, (record) => into.take(record))
          stored.files.commit(false)
          if (into.bytes - told < PROGRESS_BYTES) return
          told = into.bytes
          call.sendEvent(encode(stateImport.down, { done: BigInt(told), total: 0n }))
        }
        receivePieces(call, work, take, () => {
          records.end()
          inSlices(work, keeper.clock, into.end(), () => {
            const { row } = versions.snapshot(stored, "import", "")
            const { bytes, files } = into
            into.keep()
            const counts = { files: BigInt(files), bytes: BigInt(bytes), version: row.version }
            work.finish(encode(stateImport.result, counts))
          })
        })
      } catch (error) {
        work.fail(error)
      }
    },
  }
}

export function exportHandler(keeper: StateKeeper): PortHandler {
  return {
    id: stateExport.id,
    start(call, untrustedParams) {
      const { path, tree, version } = decode(stateExport.params, untrustedParams)
      let unpin = () => {}
      const work = workOn(call, () => unpin())
      try {
        const open = keeper.open
        const root = open.versions.digest(open.store.stored(tree), version)
        unpin = open.store.pins.pin(root)
        const entry = entryAt(open.store.nodes, root, parsePath(path))
        if (entry === undefined) throw new CallFailure("unknown-path", "There is nothing at this path")
        const total = BigInt(entry.kind === "directory" ? entry.below.bytes : entry.size)
        const sent = { files: 0n, bytes: 0n }
        let told = 0n
        const pieces = treeRecords(open, entry, (bytes) => {
          if (bytes === undefined) sent.files += 1n
          sent.bytes += BigInt(bytes ?? 0)
          if (sent.bytes - told < PROGRESS_BYTES) return
          told = sent.bytes
          call.sendEvent(encode(stateExport.down, { done: told, total }))
        })
        sendPieces(call, work, keeper.clock, pieces, () => work.finish(encode(stateExport.result, sent)))
      } catch (error) {
        work.fail(error)
      }
    },
  }
}

/** `onSent`: bytes of content; undefined: an entry. */
function* treeRecords(
  { store }: OpenState,
  top: Entry,
  onSent: (bytes: number | undefined) => void,
): Generator<Uint8Array, void, undefined> {
  const { nodes } = store
  const buffer = Buffer.alloc(STATE_TREE.chunkBytes)
  function* one(entry: Entry, path: string): Generator<Uint8Array, void, undefined> {
    const { kind, mode, modifyTime, size, target } = entry
    onSent(undefined)
    yield framedRecord(TreeRecord, {
      kind: "entry",
      entryKind: kind,
      path: Buffer.from(path, "latin1"),
      mode,
      modifyTime: modifyTime > 0n ? modifyTime : 0n,
      size: BigInt(size),
      target: Buffer.from(target, "latin1"),
    })
    if (kind === "file") yield* contentOf(entry)
    if (kind !== "directory") return
    for (const below of entriesOf(nodes, entry.content)) {
      yield* one(below, path === "" ? below.name : `${path}/${below.name}`)
    }
  }
  function* contentOf(entry: Entry): Generator<Uint8Array, void, undefined> {
    let sent = 0
    function* holeTo(offset: number): Generator<Uint8Array, void, undefined> {
      const bytes = offset - sent
      if (bytes <= 0) return
      onSent(bytes)
      yield framedRecord(TreeRecord, { kind: "hole", bytes: BigInt(bytes) })
      sent = offset
    }
    for (const { digest, index } of presentChunks(nodes, entry)) {
      const start = index * STATE_TREE.chunkBytes
      if (start >= entry.size) break
      yield* holeTo(start)
      const bytes = Math.min(nodes.copyChunk(digest, buffer), entry.size - sent)
      onSent(bytes)
      yield framedRecord(TreeRecord, { kind: "piece", content: buffer.subarray(0, bytes) })
      sent += bytes
    }
    yield* holeTo(entry.size)
  }
  yield* one(top, "")
  yield framedRecord(TreeRecord, { kind: "end" })
}
