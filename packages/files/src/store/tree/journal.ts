import { bool, decode, encode, struct, text } from "@skerry/wire"
import { type ObjectStore, StoreError } from "../object-store.ts"
import { release } from "../objects/release.ts"
import type { JournalFiles, JournalSlot } from "./journal-files.ts"
import { NO_MORE_OPS } from "./journal-op.ts"
import { STATE_TREE } from "./limits.ts"

/*
 * What was done since the trees were last made objects: whole turns, in their order.
 *
 *   file:    records, one after the other
 *   record:  length u32 · sealed { tree · isMore · ops }
 *
 * A record is sealed in the context of the journal's life, its number, and the end of the record before it: one that is
 * torn, of another life, left out or put elsewhere opens no more than one that is forged. There the journal ends. Lives
 * alternate between two files; the record "journal" of the store says which life it is, so that one commit of the store
 * both keeps the trees and ends the life that led to them.
 */

const Head = struct({ tree: text({ max: 64 }), isMore: bool })
const END = Uint8Array.of(NO_MORE_OPS)
const LENGTH_BYTES = 4
const CHAIN_BYTES = 16

export interface JournalTurn {
  readonly tree: string
  /** Parts of one turn: they count together. */
  readonly ops: readonly Uint8Array[]
}

export class Journal {
  readonly #objects: ObjectStore
  readonly #files: JournalFiles
  readonly #plain = Buffer.allocUnsafeSlow(STATE_TREE.keptTurnBytes)
  #life: number
  #number = 0
  #chain = ""
  #bytes = 0
  #isSynchronised = true

  constructor(objects: ObjectStore, files: JournalFiles, life: number) {
    this.#objects = objects
    this.#files = files
    this.#life = life
  }

  get life(): number {
    return this.#life
  }

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  /** Whole turns of this life, up to where it ends. To be read before anything is appended. */
  *turns(): Generator<JournalTurn, void, undefined> {
    let offset = 0
    const parts = new Map<string, Uint8Array[]>()
    for (;;) {
      const sealed = this.#recordAt(offset)
      const plain = sealed && this.#objects.open(this.#context(), sealed)
      if (sealed === undefined || plain === undefined) return
      offset += LENGTH_BYTES + sealed.length
      this.#passed(sealed)
      const headBytes = plain.subarray(1, 1 + (plain[0] ?? 0))
      const { tree, isMore } = decode(Head, headBytes)
      const ops = [...(parts.get(tree) ?? []), Uint8Array.from(plain.subarray(1 + headBytes.length))]
      parts.delete(tree)
      if (isMore) parts.set(tree, ops)
      else yield { tree, ops }
    }
  }

  /** After it returns, it survives the end of this process. */
  append(tree: string, ops: Uint8Array, isMore: boolean): void {
    const head = encode(Head, { tree, isMore })
    const plain = this.#joined([Uint8Array.of(head.length), head, ops, END])
    const sealed = this.#objects.seal(this.#context(), plain)
    if (sealed.length > STATE_TREE.recordBytes) {
      throw new StoreError("io", `The journal cannot hold a record of ${sealed.length} bytes`)
    }
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeUInt32LE(sealed.length)
    this.#files.append(this.#slot, [length, sealed])
    this.#passed(sealed)
    release(sealed)
    this.#isSynchronised = false
  }

  /** After it returns, everything appended survives the loss of power. */
  synchronise(): void {
    if (this.#isSynchronised) return
    this.#objects.flush()
    this.#files.synchronise(this.#slot)
    this.#isSynchronised = true
  }

  /** The next life, in the other file: `commit` is to write its number, and to make what led here superfluous. */
  beginAnew(commit: (life: number) => void): void {
    const life = this.#life + 1
    this.#files.clear((life & 1) as JournalSlot)
    commit(life)
    this.#life = life
    this.#number = 0
    this.#chain = ""
    this.#bytes = 0
    this.#isSynchronised = true
  }

  /** In memory that is used again and again: fresh memory costs more than what is written to it. */
  #joined(parts: readonly Uint8Array[]): Uint8Array {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (bytes > this.#plain.length) return Buffer.concat(parts)
    let end = 0
    for (const part of parts) {
      this.#plain.set(part, end)
      end += part.length
    }
    return this.#plain.subarray(0, end)
  }

  get #slot(): JournalSlot {
    return (this.#life & 1) as JournalSlot
  }

  #context(): string {
    return `journal ${this.#life} ${this.#number} ${this.#chain}`
  }

  #passed(sealed: Uint8Array): void {
    this.#number += 1
    this.#chain = Buffer.from(sealed.subarray(-CHAIN_BYTES)).toString("hex")
    this.#bytes += LENGTH_BYTES + sealed.length
  }

  #recordAt(offset: number): Uint8Array | undefined {
    const length = this.#files.read(this.#slot, offset, LENGTH_BYTES)
    if (length.length < LENGTH_BYTES) return undefined
    const bytes = new DataView(length.buffer, length.byteOffset).getUint32(0, true)
    if (bytes > STATE_TREE.recordBytes) return undefined
    const sealed = this.#files.read(this.#slot, offset + LENGTH_BYTES, bytes)
    return sealed.length === bytes ? sealed : undefined
  }
}
