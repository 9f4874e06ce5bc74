import type { Digest } from "@skerry/model"
import { CallFailure } from "@skerry/rpc"
import { changeEntries, entriesOf, findEntry } from "./directory-trie.ts"
import type { Entry } from "./entry.ts"
import type { KeptNodes } from "./kept-nodes.ts"

/** The entry that names lead to in a kept tree; undefined: there is none. */
export function entryAt(nodes: KeptNodes, root: Digest, names: readonly string[]): Entry | undefined {
  let entry: Entry | undefined = nodes.root(root)
  for (const name of names) {
    if (entry.kind !== "directory") return undefined
    entry = findEntry(nodes, entry.content, name)
    if (entry === undefined) return undefined
  }
  return entry
}

/** The tree with this entry at a place, instead of what is there. Throws CallFailure "unknown-path". */
export function withEntryAt(
  nodes: KeptNodes,
  directory: Entry,
  names: readonly string[],
  entry: Entry,
  time: bigint,
): Entry {
  const [name, ...below] = names
  if (name === undefined) return { ...entry, name: directory.name, id: directory.id }
  const child = findEntry(nodes, directory.content, name)
  if (below.length > 0 && child?.kind !== "directory") {
    throw new CallFailure("unknown-path", `There is no directory ${JSON.stringify(name)} to put it in`)
  }
  const changed =
    below.length > 0 && child !== undefined
      ? withEntryAt(nodes, child, below, entry, time)
      : { ...entry, name }
  const entries = changeEntries(nodes, entriesIn(directory), new Map([[name, changed]]))
  const times = below.length > 0 ? {} : { modifyTime: time, changeTime: time }
  return { ...directory, ...times, content: entries?.digest, below: entries?.totals ?? directory.below }
}

/** The same, of ids that nothing else has: what is restored may still be elsewhere in the present. */
export function withNewIds(nodes: KeptNodes, entry: Entry, nextId: () => bigint): Entry {
  const id = nextId()
  if (entry.kind !== "directory") return { ...entry, id }
  const changes = new Map<string, Entry>()
  for (const child of [...entriesOf(nodes, entry.content)]) {
    changes.set(child.name, withNewIds(nodes, child, nextId))
  }
  const entries = changeEntries(nodes, undefined, changes)
  return { ...entry, id, content: entries?.digest, below: entries?.totals ?? entry.below }
}

const entriesIn = ({ below, content }: Entry) =>
  content === undefined ? undefined : { digest: content, totals: below }
