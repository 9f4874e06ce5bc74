import type { Entries } from "./directory-trie.ts"
import type { KeptNodes } from "./kept-nodes.ts"

/** True where directories lie within these entries more than `most` deep. Only where enough is in them is looked. */
export function isDeeper(nodes: KeptNodes, entries: Entries, most: number): boolean {
  const pending = [{ entries, left: most }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { left } = next
    if (next.entries === undefined || next.entries.totals.files <= left) continue
    const node = nodes.directory(next.entries.digest)
    if (node.kind === "branch") {
      for (const child of node.children) pending.push({ entries: child, left })
      continue
    }
    for (const { below, content, kind } of node.entries.values()) {
      if (kind !== "directory") continue
      if (left === 0) return true
      if (content !== undefined) pending.push({ entries: { digest: content, totals: below }, left: left - 1 })
    }
  }
  return false
}
