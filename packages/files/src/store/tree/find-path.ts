import type { Digest } from "@skerry/model"
import type { EntryName } from "../../file-tree.ts"
import type { Subtree } from "./directory-node.ts"
import type { KeptNodes } from "./kept-nodes.ts"

/** What may still be looked at: entries, and objects, which count as NODE_COST of them. */
export interface SearchBudget {
  entries: number
}

/** Reading an object takes as long as looking at so many entries. */
export const NODE_COST = 16

/** The names that lead to a node, looked for everywhere in a kept tree; undefined: it is not there, or the budget is used up. */
export function findPath(
  nodes: KeptNodes,
  root: Digest,
  id: bigint,
  budget: SearchBudget,
): readonly EntryName[] | undefined {
  const top = nodes.root(root)
  if (top.id === id) return []
  const pending: { readonly content: Digest; readonly names: readonly EntryName[] }[] = []
  if (top.content !== undefined) pending.push({ content: top.content, names: [] })
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const node = nodes.directory(next.content)
    const cost = NODE_COST + (node.kind === "leaf" ? node.entries.size : 0)
    if (budget.entries < cost) return undefined
    budget.entries -= cost
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
