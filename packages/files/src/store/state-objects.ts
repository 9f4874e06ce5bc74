import type { PortHandler } from "@skerry/loop"
import { type Digest, parseDigest } from "@skerry/model"
import { CallFailure, ObjectRecord, STATE_METHODS, type VersionRow } from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import { OBJECT_LIMITS } from "./object-store.ts"
import { bytesOfDigest } from "./objects/digest-of.ts"
import { framedRecord, RecordReader } from "./record-stream.ts"
import { inSlices, receivePieces, sendPieces, workOn } from "./state-calls.ts"
import type { OpenState, StateKeeper } from "./state-keeper.ts"
import { Met, NewObjects } from "./tree/new-objects.ts"

const { stateAdopt, stateObjects, statePutObjects } = STATE_METHODS

/** Objects remembered, so that they are sent once. */
const MET_OBJECTS = 150_000
/** Bytes between two events of progress. */
const PROGRESS_BYTES = 4 * 1024 * 1024
/** Of all rows of one call: bounds what a caller makes us hold. */
const ADOPTED_BYTES = 16 * 1024 * 1024

export function objectsHandler(keeper: StateKeeper): PortHandler {
  return {
    id: stateObjects.id,
    start(call, untrustedParams) {
      const { known, tree, version } = decode(stateObjects.params, untrustedParams)
      let unpin = () => {}
      const work = workOn(call, () => unpin())
      try {
        const open = keeper.open
        const root = open.versions.digest(open.store.stored(tree), version)
        unpin = open.store.pins.pin(root)
        const total = BigInt(open.store.nodes.root(root).below.bytes)
        const sent = { objects: 0n, bytes: 0n }
        let told = 0n
        const pieces = objectRecords(open, root, known, (bytes) => {
          sent.objects += 1n
          sent.bytes += BigInt(bytes)
          if (sent.bytes - told < PROGRESS_BYTES) return
          told = sent.bytes
          call.sendEvent(encode(stateObjects.down, { done: told, total: total > told ? total : told }))
        })
        sendPieces(call, work, keeper.clock, pieces, () => work.finish(encode(stateObjects.result, sent)))
      } catch (error) {
        work.fail(error)
      }
    },
  }
}

function* objectRecords(
  { store }: OpenState,
  root: Digest,
  known: readonly string[],
  onSent: (bytes: number) => void,
): Generator<Uint8Array, void, undefined> {
  const there = known.map(parseDigest).filter((digest) => store.objects.has("node", digest))
  const found = new NewObjects(store.nodes, new Met(MET_OBJECTS), new Met(MET_OBJECTS))
  for (const { digest, kind } of found.of(root, there)) {
    const content = store.objects.get(kind, digest)
    onSent(content.length)
    yield framedRecord(ObjectRecord, { kind, digest: bytesOfDigest(digest), content })
  }
}

export function putObjectsHandler(keeper: StateKeeper): PortHandler {
  return {
    id: statePutObjects.id,
    start(call, untrustedParams) {
      decode(statePutObjects.params, untrustedParams)
      const work = workOn(call)
      try {
        const { maintenance, store } = keeper.open
        const records = new RecordReader(ObjectRecord, OBJECT_LIMITS.objectBytes + 1024)
        const taken = { objects: 0n, added: 0n }
        const take = (untrustedRecord: ObjectRecord) => {
          const { content, digest, kind } = untrustedRecord
          const text = parseDigest(`sha256:${Buffer.from(digest).toString("hex")}`)
          const isThere = store.objects.has(kind, text)
          if (!isThere) store.expectRoom(content.length)
          if (store.objects.put(kind, content) !== text) {
            throw new CallFailure("damaged", `An object is not what its digest ${text} says`)
          }
          taken.objects += 1n
          if (!isThere) taken.added += 1n
        }
        receivePieces(
          call,
          work,
          (piece) => {
            maintenance.expectAdoption()
            records.push(piece, take)
          },
          () => {
            maintenance.expectAdoption()
            records.end()
            store.checkpoint()
            work.finish(encode(statePutObjects.result, taken))
          },
        )
      } catch (error) {
        work.fail(error)
      }
    },
  }
}

export function adoptHandler(keeper: StateKeeper): PortHandler {
  return {
    id: stateAdopt.id,
    start(call, untrustedParams) {
      const { present, tree } = decode(stateAdopt.params, untrustedParams)
      const work = workOn(call)
      const pieces: Buffer[] = []
      let bytes = 0
      const take = (piece: Uint8Array) => {
        bytes += piece.length
        if (bytes > ADOPTED_BYTES) throw new CallFailure("bad-request", "These are too many versions at once")
        pieces.push(Buffer.from(piece))
      }
      receivePieces(call, work, take, () => {
        const { maintenance, store, versions } = keeper.open
        const rows = Buffer.concat(pieces).toString().split("\n").filter(Boolean).map(parseVersionRow)
        // What has been found there must still be there when the versions name it.
        maintenance.expectAdoption()
        inSlices(work, keeper.clock, versions.looked(store.stored(tree, "make"), rows), () => {
          versions.adopt(store.stored(tree, "make"), rows, present)
          maintenance.adopted()
          work.finish(encode(stateAdopt.result, { versions: rows.length }))
        })
      })
    },
  }
}

const REASONS = ["manual", "stop", "interval", "before-rollback", "rollback", "import", "restored"] as const

/** Throws CallFailure "bad-request". */
function parseVersionRow(untrustedLine: string): VersionRow {
  let row: Partial<VersionRow>
  try {
    row = JSON.parse(untrustedLine) as Partial<VersionRow>
  } catch {
    throw new CallFailure("bad-request", "A version is not a line of JSON")
  }
  const reason = REASONS.find((each) => each === row?.reason)
  const { digest, note, time, version } = row ?? {}
  const isWhole =
    Number.isSafeInteger(version) &&
    Number.isSafeInteger(time) &&
    typeof note === "string" &&
    typeof digest === "string"
  if (
    !isWhole ||
    reason === undefined ||
    (version ?? 0) < 1 ||
    (version ?? 0) > 0xffff_ffff ||
    note.length > 512
  ) {
    throw new CallFailure("bad-request", "A version lacks what it must have")
  }
  return {
    version: Number(version),
    digest: parseDigest(digest),
    time: Number(time),
    reason,
    note,
    files: 0,
    bytes: 0,
  }
}
