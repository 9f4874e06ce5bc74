import { FileError, TREE_LIMITS } from "../../file-tree.ts"
import type { MemoryNode } from "./memory-node.ts"

/* Extended attributes of a node. */

export function attributeOf(node: MemoryNode, name: string): Buffer {
  expectOurs(name)
  const value = node.attributes?.get(name)
  if (value === undefined) throw new FileError("ENODATA")
  return value
}

export function putAttribute(
  node: MemoryNode,
  name: string,
  value: Uint8Array,
  mode: "create" | "replace" | "any",
): void {
  expectOurs(name)
  node.attributes ??= new Map()
  const isThere = node.attributes.has(name)
  if (mode === "create" && isThere) throw new FileError("EEXIST")
  if (mode === "replace" && !isThere) throw new FileError("ENODATA")
  if (value.length > TREE_LIMITS.attributeBytes) throw new FileError("ENOSPC")
  if (!isThere) {
    let bytes = name.length + 1
    for (const other of node.attributes.keys()) bytes += other.length + 1
    if (bytes > TREE_LIMITS.attributeBytes) throw new FileError("ENOSPC")
  }
  node.attributes.set(name, Buffer.from(value))
}

export function dropAttribute(node: MemoryNode, name: string): void {
  attributeOf(node, name)
  node.attributes?.delete(name)
}

function expectOurs(name: string): void {
  if (!name.startsWith("user.")) throw new FileError("EOPNOTSUPP")
}
