import type { DirectoryEntry, EntrySink, NodeKind } from "../file-tree.ts"
import { ENTRY_TYPE, QID_KIND, QID_VERSION } from "./messages.ts"

/** Of an entry without its name: qid[13] offset[8] type[1] and the name's length. */
const ENTRY_BYTES = 24

/** Writes entries as Rreaddir carries them, from a buffer's beginning to its end. */
export class EntryWriter implements EntrySink {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at = 0
  #isFull = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Bytes written. */
  get length(): number {
    return this.#at
  }

  get room(): number {
    return this.#bytes.length - this.#at
  }

  /** There was an entry without room for it. */
  get isFull(): boolean {
    return this.#isFull
  }

  put({
    kind,
    id,
    cursor,
    name,
  }: Pick<DirectoryEntry, "kind" | "id" | "cursor"> & { name: string }): boolean {
    if (!this.#begin(kind, name.length)) return false
    const at = this.#at
    this.#view.setBigUint64(at + 5, id, true)
    this.#view.setBigUint64(at + 13, cursor, true)
    this.#bytes.write(name, at + ENTRY_BYTES, "latin1")
    this.#at = at + ENTRY_BYTES + name.length
    return true
  }

  putFrom(
    source: DataView,
    kind: NodeKind,
    idAt: number,
    cursorAt: number,
    nameAt: number,
    nameEnd: number,
  ): boolean {
    if (!this.#begin(kind, nameEnd - nameAt)) return false
    const view = this.#view
    let at = this.#at
    // In halves: numbers, where 64 bits would be an object each.
    view.setUint32(at + 5, source.getUint32(idAt, true), true)
    view.setUint32(at + 9, source.getUint32(idAt + 4, true), true)
    view.setUint32(at + 13, source.getUint32(cursorAt, true), true)
    view.setUint32(at + 17, source.getUint32(cursorAt + 4, true), true)
    at += ENTRY_BYTES
    for (let from = nameAt; from < nameEnd; from++) view.setUint8(at++, source.getUint8(from))
    this.#at = at
    return true
  }

  /** Everything but id, cursor and name. */
  #begin(kind: NodeKind, nameBytes: number): boolean {
    const at = this.#at
    if (nameBytes > this.#bytes.length - at - ENTRY_BYTES) {
      this.#isFull = true
      return false
    }
    const view = this.#view
    view.setUint8(at, QID_KIND[kind])
    view.setUint32(at + 1, QID_VERSION, true)
    view.setUint8(at + 21, ENTRY_TYPE[kind])
    view.setUint16(at + 22, nameBytes, true)
    return true
  }
}
