import type { Digest } from "@skerry/model"
import type { EntryName } from "../../file-tree.ts"
import type { Subtree } from "./directory-node.ts"
import type { KeptNodes } from "./kept-nodes.ts"

/** The names that lead to a node, looked for everywhere in a kept tree; undefined: it is not there. */
export function findPath(nodes: KeptNodes, root: Digest, id: bigint): readonly EntryName[] | undefined {
  const top = nodes.root(root)
  if (top.id === id) return []
  const pending: { readonly content: Digest; readonly names: readonly EntryName[] }[] = []
  if (top.content !== undefined) pending.push({ content: top.content, names: [] })
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const node = nodes.directory(next.content)
    if (node.kind === "branch") {
      for (const child of node.children) {
        if (mayHold(child, id)) pending.push({ content: child.digest, names: next.names })
      }
      continue
    }
    for (const entry of node.entries.values()) {
      const names = [...next.names, entry.name as EntryName]
      if (entry.id === id) return names
      if (entry.content === undefined || entry.kind !== "directory" || entry.below.maxId < id) continue
      pending.push({ content: entry.content, names })
    }
  }
  return undefined
}

const mayHold = (child: Subtree | undefined, id: bigint): child is Subtree =>
  child !== undefined && child.totals.maxId >= id
