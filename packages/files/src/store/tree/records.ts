import { type Digest, parseDigest } from "@skerry/model"
import type { VersionRow } from "@skerry/rpc"
import { Reader, Writer } from "@skerry/wire"
import { StoreError } from "../object-store.ts"
import { type Entry, readEntry, writeEntry } from "./entry.ts"
import type { Quota } from "./tree-host.ts"

/* The records of the store, as JSON: the store seals them, and commits them all together. docs/state-store.md. */

const FORMAT = 1

export interface TreeRecord {
  /** The present. */
  readonly root: Digest
  /** Ids below it were given out, also to nodes that are gone. */
  readonly nextId: bigint
  /** The number of the newest version that there ever was; 0: there was none. */
  readonly lastVersion: number
  readonly quota: Quota
  /** Nodes that were removed while somebody held them. */
  readonly orphans: readonly Entry[]
}

export const JOURNAL_RECORD = "journal"
const TREES = "tree/"

export const treeRecordName = (tree: string) => `${TREES}${tree}`
export const treeOfRecord = (record: string) => record.slice(TREES.length)
export const TREE_RECORDS = TREES
export const versionRecords = (tree: string) => `version/${tree}/`
export const versionRecordName = (tree: string, version: number) =>
  `${versionRecords(tree)}${String(version).padStart(10, "0")}`

export const encodeLife = (life: number) => encodeJson({ life })
export const decodeLife = (record: Uint8Array | undefined): number =>
  record === undefined ? 0 : decodeJson<{ readonly life: number }>(record).life

interface TreeJson {
  readonly root: string
  readonly nextId: string
  readonly lastVersion: number
  readonly quota: Quota
  /** Entries in base64. */
  readonly orphans: readonly string[]
}

export function encodeTree(record: TreeRecord): Uint8Array {
  const { lastVersion, nextId, orphans, quota, root } = record
  const json: TreeJson = {
    root,
    nextId: String(nextId),
    lastVersion,
    quota,
    orphans: orphans.map((orphan) => {
      const writer = new Writer()
      writeEntry(writer, orphan)
      return Buffer.from(writer.finish()).toString("base64")
    }),
  }
  return encodeJson(json)
}

export function decodeTree(record: Uint8Array): TreeRecord {
  const { lastVersion, nextId, orphans, quota, root } = decodeJson<TreeJson>(record)
  return {
    root: parseDigest(root),
    nextId: BigInt(nextId),
    lastVersion,
    quota,
    orphans: orphans.map((orphan) => readEntry(new Reader(Buffer.from(orphan, "base64")))),
  }
}

export const encodeVersion = (row: VersionRow) => encodeJson(row)
export const decodeVersion = (record: Uint8Array) => decodeJson<VersionRow>(record)

const encodeJson = (value: object): Uint8Array => Buffer.from(JSON.stringify({ format: FORMAT, ...value }))

/** The store has sealed it: what is in it was written here. */
function decodeJson<T>(record: Uint8Array): T {
  const { format, ...value } = JSON.parse(Buffer.from(record).toString()) as { format: number } & T
  if (format > FORMAT) throw new StoreError("too-new", `A record has format ${format}, later than ${FORMAT}`)
  return value as T
}
