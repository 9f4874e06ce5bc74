import type { Digest } from "@skerry/model"
import { Reader } from "@skerry/wire"
import { StoreError } from "../object-store.ts"
import { ANOTHER_OP, JournalOp } from "./journal-op.ts"
import type { WorkNode } from "./work-node.ts"
import { ROOT_ID, type WorkTree } from "./work-tree.ts"

/** Makes the changes of a journal again. */
export class Replay {
  readonly #tree: WorkTree
  readonly #onTrouble: (error: unknown) => void
  readonly #nodes = new Map<bigint, WorkNode>()

  /** `onTrouble`: what cannot be made again because content that it changes is damaged by now. */
  constructor(tree: WorkTree, onTrouble: (error: unknown) => void) {
    this.#tree = tree
    this.#onTrouble = onTrouble
    this.#nodes.set(ROOT_ID, tree.root)
    for (const orphan of tree.orphans.values()) this.#learn(orphan)
  }

  /** False: not all objects that the turn names are there, and nothing of it was done. */
  turn(parts: readonly Uint8Array[]): boolean {
    const { objects } = this.#tree.nodes
    for (const op of decodeOps(parts)) {
      if (op.kind === "chunk" && op.digest.length > 0 && !objects.has("chunk", digestOf(op.digest)))
        return false
    }
    for (const op of decodeOps(parts)) this.#apply(op)
    return true
  }

  /** Lets go of all nodes; removed ones stay for who reclaims them. */
  end(): void {
    for (const [id, node] of this.#nodes) {
      if (id === ROOT_ID) continue
      node.holds -= 1
      this.#tree.letGo(node)
    }
    this.#nodes.clear()
  }

  #apply(op: JournalOp): void {
    const tree = this.#tree
    switch (op.kind) {
      case "place": {
        const node = tree.find(this.#node(op.directory), op.name)
        if (node?.id !== op.id) throw outOfStep(`Node ${op.id} is not where the journal says`)
        this.#learn(node)
        break
      }
      case "create": {
        const { nodeKind, id, mode, target } = op
        const made = { kind: nodeKind, id, mode, target, time: signed(op.time) }
        this.#learn(tree.create(this.#node(op.directory), op.name, made))
        break
      }
      case "write":
        this.#change(() => tree.write(this.#node(op.id), op.content, Number(op.offset), signed(op.time)))
        break
      case "chunk": {
        const digest = op.digest.length === 0 ? undefined : digestOf(op.digest)
        tree.setChunk(this.#node(op.id), Number(op.index), digest, Number(op.end), signed(op.time))
        break
      }
      case "resize":
        this.#change(() => tree.resize(this.#node(op.id), Number(op.size), signed(op.time)))
        break
      case "attributes": {
        const node = this.#node(op.id)
        node.mode = op.mode
        node.accessTime = signed(op.accessTime)
        node.modifyTime = signed(op.modifyTime)
        node.changeTime = signed(op.changeTime)
        tree.markChanged(node)
        break
      }
      case "extended": {
        const value = op.value && Uint8Array.from(op.value)
        tree.setAttribute(this.#node(op.id), op.name, value, signed(op.time))
        break
      }
      case "rename":
        tree.rename(
          this.#node(op.from),
          op.fromName,
          this.#node(op.to),
          op.toName,
          signed(op.time),
          op.isKept,
        )
        break
      case "remove":
        tree.remove(this.#node(op.directory), op.name, signed(op.time), op.isKept)
        break
      case "forget":
        tree.forget(this.#node(op.id))
        this.#nodes.delete(op.id)
        break
    }
  }

  /** One damaged file must not keep all others from being opened. */
  #change(change: () => void): void {
    try {
      change()
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "damaged")) throw error
      this.#onTrouble(error)
    }
  }

  #learn(node: WorkNode): void {
    if (this.#nodes.get(node.id) === node) return
    node.holds += 1
    this.#nodes.set(node.id, node)
  }

  #node(id: bigint): WorkNode {
    const node = this.#nodes.get(id)
    if (node === undefined) throw outOfStep(`Node ${id} was not told of`)
    return node
  }
}

function* decodeOps(parts: readonly Uint8Array[]): Generator<JournalOp, void, undefined> {
  for (const part of parts) {
    const reader = new Reader(part)
    while (reader.u8() === ANOTHER_OP) yield JournalOp.decode(reader)
    reader.end()
  }
}

const signed = (time: bigint) => BigInt.asIntN(64, time)
const digestOf = (bytes: Uint8Array) => `sha256:${Buffer.from(bytes).toString("hex")}` as Digest
const outOfStep = (message: string) => new StoreError("damaged", `The journal does not fit: ${message}`)
