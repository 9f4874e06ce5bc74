import type { NodeKind, TreeNode } from "../../file-tree.ts"
import { MemoryContent } from "./memory-content.ts"
import { MemoryDirectory } from "./memory-directory.ts"

/** What a node is besides its attributes. */
export type MemoryBody =
  | { readonly kind: "file"; readonly content: MemoryContent }
  | { readonly kind: "directory"; readonly entries: MemoryDirectory }
  | { readonly kind: "symlink"; readonly target: string }

export class MemoryNode implements TreeNode {
  readonly kind: NodeKind
  readonly id: bigint
  readonly body: MemoryBody
  mode: number
  accessTime: bigint
  modifyTime: bigint
  changeTime: bigint
  /** Holds that were not released. */
  holds = 0
  /** It has a name, or is the root. */
  isLinked = true
  attributes: Map<string, Buffer> | undefined

  constructor(id: bigint, body: MemoryBody, mode: number, now: bigint) {
    this.kind = body.kind
    this.id = id
    this.body = body
    this.mode = mode
    this.accessTime = this.modifyTime = this.changeTime = now
  }

  get size(): number {
    const { body } = this
    if (body.kind === "file") return body.content.size
    return body.kind === "directory" ? body.entries.size : body.target.length
  }

  get storedBytes(): number {
    return this.body.kind === "file" ? this.body.content.storedBytes : 0
  }

  changed(now: bigint): void {
    this.changeTime = now
  }

  modified(now: bigint): void {
    this.modifyTime = this.changeTime = now
  }
}

export const emptyFile = (): MemoryBody => ({ kind: "file", content: new MemoryContent() })
export const emptyDirectory = (): MemoryBody => ({ kind: "directory", entries: new MemoryDirectory() })
