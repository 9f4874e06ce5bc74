import { type EntryName, FileError, type NewTime, type TreeNode } from "../../file-tree.ts"
import type { MemoryContent } from "./memory-content.ts"
import type { MemoryDirectory } from "./memory-directory.ts"
import type { MemoryNode } from "./memory-node.ts"

/** A node that this tree gave out: nobody else makes any. */
export const own = (node: TreeNode): MemoryNode => node as MemoryNode

export function entriesOf(directory: TreeNode): MemoryDirectory {
  const { body } = own(directory)
  if (body.kind !== "directory") throw new FileError("ENOTDIR")
  return body.entries
}

export function contentOf(node: MemoryNode): MemoryContent {
  if (node.body.kind === "file") return node.body.content
  throw new FileError(node.body.kind === "directory" ? "EISDIR" : "EINVAL")
}

export function find(entries: MemoryDirectory, name: EntryName): MemoryNode {
  const node = entries.get(name)
  if (node === undefined) throw new FileError("ENOENT")
  return node
}

export function expectEmpty({ body }: MemoryNode): void {
  if (body.kind === "directory" && body.entries.size > 0) throw new FileError("ENOTEMPTY")
}

/** Nothing appears in a directory that was removed. */
export function expectLinked(directory: TreeNode): void {
  if (!own(directory).isLinked) throw new FileError("ENOENT")
}

/** Looks from above, as nothing knows what it is in. */
export function isWithin(sought: MemoryNode, node: MemoryNode): boolean {
  if (node === sought) return true
  if (node.body.kind !== "directory") return false
  for (const entry of node.body.entries.nodes()) if (isWithin(sought, entry.node)) return true
  return false
}

export function linksOf({ body, isLinked }: MemoryNode): number {
  if (!isLinked) return 0
  if (body.kind !== "directory") return 1
  return 2 + body.entries.directories
}

export const timeOf = (time: NewTime, now: bigint): bigint => (time === "now" ? now : time)
