import { StoreError } from "../object-store.ts"
import type { Database } from "./database.ts"
import { type Sealer, unsealWhole } from "./sealing.ts"
import type { Location } from "./segment-entry.ts"
import type { SegmentCounts } from "./segments.ts"
import type { StoreKeys } from "./store-keys.ts"

/*
 * What the index holds beside objects. Each value is sealed, with its key as context:
 *   "m"              JSON: openings, lastSegment, objects
 *   "s" number u32   JSON: a segment's counts
 *   "f"              JSON: what of segments is to be given back, because the last commit forgot it
 *   "r" HMAC of name a record: bytes of its name u16, name, value
 */
export interface StoreCounts {
  /** How often the store has been opened. */
  readonly openings: number
  readonly lastSegment: number
  readonly objects: number
}

export interface Freed {
  readonly location: Location
  readonly bytes: number
}

export interface Tables {
  readonly counts: StoreCounts
  readonly segments: ReadonlyMap<number, SegmentCounts>
  readonly freed: readonly Freed[]
  readonly recordNames: ReadonlySet<string>
}

const META_KEY = Buffer.from("m")
const FREED_KEY = Buffer.from("f")
const LISTED = 1000

type Change = readonly [Uint8Array, Uint8Array | undefined]

/** Encodes changes of the tables for a commit. */
export class TableWriter {
  readonly #keys: StoreKeys
  readonly #sealer: Sealer

  constructor(keys: StoreKeys, sealer: Sealer) {
    this.#keys = keys
    this.#sealer = sealer
  }

  counts(counts: StoreCounts): Change {
    return this.#change(META_KEY, counts)
  }

  segment(number: number, counts: SegmentCounts | undefined): Change {
    return this.#change(segmentKey(number), counts)
  }

  freed(freed: readonly Freed[]): Change {
    return this.#change(FREED_KEY, freed.length === 0 ? undefined : freed)
  }

  record(name: string, value: Uint8Array | undefined): Change {
    const key = this.#keys.recordKey(name)
    if (value === undefined) return [key, undefined]
    const nameBytes = Buffer.from(name)
    const length = Buffer.alloc(2)
    length.writeUInt16LE(nameBytes.length)
    return [key, this.#sealer.sealWhole(this.#keys.tables, key, Buffer.concat([length, nameBytes, value]))]
  }

  #change(key: Buffer, value: unknown): Change {
    if (value === undefined) return [key, undefined]
    return [key, this.#sealer.sealWhole(this.#keys.tables, key, Buffer.from(JSON.stringify(value)))]
  }
}

export interface NamedRecord {
  readonly name: string
  readonly value: Buffer
}

/** Throws "damaged". */
export function decodeRecord(keys: StoreKeys, key: Uint8Array, sealed: Uint8Array): NamedRecord {
  const plain = unsealWhole(keys.tables, key, sealed)
  if (plain === undefined) throw new StoreError("damaged", "A record of the store is damaged")
  const nameEnd = 2 + plain.readUInt16LE(0)
  return { name: plain.toString("utf8", 2, nameEnd), value: plain.subarray(nameEnd) }
}

/** Throws "damaged". */
export function readTables(database: Database, keys: StoreKeys): Tables {
  const read = (key: Buffer): unknown => {
    const sealed = database.get(key)
    return sealed === undefined ? undefined : openJson(keys, key, sealed)
  }
  const counts = read(META_KEY)
  if (counts === undefined) throw new StoreError("damaged", "The store's index has lost its beginning")
  const segments = new Map<number, SegmentCounts>()
  for (const { key, value } of listAll(database, SEGMENT)) {
    segments.set(key.readUInt32BE(1), openJson(keys, key, value) as SegmentCounts)
  }
  const recordNames = new Set<string>()
  for (const { key, value } of listAll(database, RECORD)) {
    recordNames.add(decodeRecord(keys, key, value).name)
  }
  const freed = (read(FREED_KEY) ?? []) as readonly Freed[]
  return { counts: counts as StoreCounts, segments, freed, recordNames }
}

const SEGMENT = 0x73
const RECORD = 0x72

function segmentKey(number: number): Buffer {
  const key = Buffer.from([SEGMENT, 0, 0, 0, 0])
  key.writeUInt32BE(number, 1)
  return key
}

/** What the store itself wrote and sealed: its shape needs no second look. */
function openJson(keys: StoreKeys, key: Uint8Array, sealed: Uint8Array): unknown {
  const plain = unsealWhole(keys.tables, key, sealed)
  if (plain === undefined) throw new StoreError("damaged", "A table of the store's index is damaged")
  return JSON.parse(plain.toString())
}

function* listAll(database: Database, first: number) {
  let after: Buffer | undefined
  while (true) {
    const some = database.list(first, after, LISTED)
    yield* some
    after = some.at(-1)?.key
    if (some.length < LISTED) return
  }
}
