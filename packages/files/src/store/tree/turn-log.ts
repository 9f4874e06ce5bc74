import { Writer } from "@skerry/wire"
import { ANOTHER_OP, JournalOp } from "./journal-op.ts"
import { STATE_TREE } from "./limits.ts"
import type { WorkNode } from "./work-node.ts"
import { ROOT_ID } from "./work-tree.ts"

/** What one tree has done since the last commit, as the journal will have it. */
export class TurnLog {
  #writer = new Writer()
  /** Of the journal: what was told in another has to be told again. */
  life: number

  constructor(life: number) {
    this.life = life
  }

  get isEmpty(): boolean {
    return this.#writer.length === 0
  }

  get bytes(): number {
    return this.#writer.length
  }

  /** `nodes`: those that it names, as they are before it is done. */
  add(op: JournalOp, ...nodes: readonly WorkNode[]): void {
    for (const node of nodes) this.#tell(node)
    this.#encode(op)
  }

  /** The journal knows a node that it has seen made. */
  knows(node: WorkNode): void {
    node.toldIn = this.life
  }

  /** Without the mark of its end. */
  get encoded(): Uint8Array {
    return this.#writer.finish()
  }

  clear(): void {
    // Memory that is used again costs nothing; that of one large turn is given back.
    if (this.#writer.length > STATE_TREE.keptTurnBytes) this.#writer = new Writer()
    else this.#writer.reset()
  }

  /** Says where a node is, and the directories that lead to it. */
  #tell(node: WorkNode): void {
    const untold: WorkNode[] = []
    for (let each = node; each.id !== ROOT_ID && each.toldIn !== this.life; ) {
      untold.push(each)
      if (each.place === undefined) break
      each = each.place.directory
    }
    for (const each of untold.reverse()) {
      each.toldIn = this.life
      if (each.place === undefined) continue // an orphan: the record of the tree knows it
      const { directory, name } = each.place
      this.#encode({ kind: "place", id: each.id, directory: directory.id, name })
    }
  }

  #encode(op: JournalOp): void {
    this.#writer.u8(ANOTHER_OP)
    JournalOp.encode(this.#writer, op)
  }
}
