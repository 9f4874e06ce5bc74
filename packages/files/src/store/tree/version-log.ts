import { type Digest, parseDigest } from "@skerry/model"
import type { VersionRow } from "@skerry/rpc"
import { CallFailure } from "@skerry/rpc"
import type { ObjectStore } from "../object-store.ts"
import { decodeVersion, encodeVersion, versionRecordName, versionRecords } from "./records.ts"

/** Records to be written with the next commit; undefined: removed. */
export type RecordChanges = Map<string, Uint8Array | undefined>

/** The versions of one tree, oldest first. */
export class VersionLog {
  readonly #tree: string
  #rows: readonly VersionRow[]

  constructor(objects: ObjectStore, tree: string) {
    this.#tree = tree
    this.#rows = objects.records(versionRecords(tree)).flatMap((name) => {
      const record = objects.record(name)
      return record === undefined ? [] : [decodeVersion(record)]
    })
  }

  get rows(): readonly VersionRow[] {
    return this.#rows
  }

  get newest(): VersionRow | undefined {
    return this.#rows.at(-1)
  }

  /** Counts once `changes` are committed. */
  add(row: VersionRow, changes: RecordChanges): void {
    this.#rows = [...this.#rows, row]
    changes.set(versionRecordName(this.#tree, row.version), encodeVersion(row))
  }

  remove(versions: ReadonlySet<number>, changes: RecordChanges): void {
    this.#rows = this.#rows.filter(({ version }) => !versions.has(version))
    for (const version of versions) changes.set(versionRecordName(this.#tree, version), undefined)
  }

  /** Takes back what was never committed. */
  restore(rows: readonly VersionRow[]): void {
    this.#rows = rows
  }

  /** By its number, or by 8 or more digits of its digest; of several with one digest, the newest. */
  find(text: string): VersionRow {
    const found =
      this.#rows.find(({ version }) => String(version) === text) ??
      (/^(?:sha256:)?[0-9a-f]{8,64}$/.test(text) ? this.#byDigest(text.replace("sha256:", "")) : undefined)
    if (found !== undefined) return found
    throw new CallFailure("unknown-version", `The tree ${this.#tree} has no version ${JSON.stringify(text)}`)
  }

  #byDigest(digits: string): VersionRow | undefined {
    const found = this.#rows.filter(({ digest }) => digest.startsWith(`sha256:${digits}`))
    if (new Set(found.map(({ digest }) => digest)).size > 1) {
      throw new CallFailure("unknown-version", `Several versions have a digest that begins with ${digits}`)
    }
    return found.at(-1)
  }
}

export const digestOfRow = ({ digest }: VersionRow): Digest => parseDigest(digest)
