import { hash } from "node:crypto"
import type { Digest } from "@skerry/model"
import { StoreError } from "../object-store.ts"
import type { Subtree } from "./directory-node.ts"
import type { Entry } from "./entry.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { STATE_TREE } from "./limits.ts"
import { addTotals, NO_TOTALS, type Totals } from "./totals.ts"

/** The entries of one directory; undefined: there are none. */
export type Entries = Subtree | undefined

/** In hexadecimal digits: the way to a name. */
export const wayTo = (name: string): string =>
  /^[\x00-\x7f]*$/.test(name) ? hash("sha256", name) : hash("sha256", Buffer.from(name, "latin1"))

export function findEntry(nodes: KeptNodes, root: Digest | undefined, name: string): Entry | undefined {
  if (root === undefined) return undefined
  let node = nodes.directory(root)
  if (node.kind === "leaf") return node.entries.get(name)
  const way = wayTo(name)
  for (let depth = 0; node.kind === "branch"; depth++) {
    const child: Entries = node.children[digitAt(way, depth)]
    if (child === undefined) return undefined
    node = nodes.directory(child.digest)
  }
  return node.entries.get(name)
}

/** All of them, in no order that means anything. */
export function* entriesOf(nodes: KeptNodes, root: Digest | undefined): Generator<Entry, void, undefined> {
  for (const leaf of leavesOf(nodes, root)) yield* leaf.values()
}

/** The same, as many at a time as one object holds. */
export function* leavesOf(
  nodes: KeptNodes,
  root: Digest | undefined,
): Generator<ReadonlyMap<string, Entry>, void, undefined> {
  if (root === undefined) return
  const node = nodes.directory(root)
  if (node.kind === "leaf") yield node.entries
  else for (const child of node.children) yield* leavesOf(nodes, child?.digest)
}

/** The entries with these changes; undefined removes. */
export function changeEntries(
  nodes: KeptNodes,
  entries: Entries,
  changes: ReadonlyMap<string, Entry | undefined>,
): Entries {
  if (changes.size === 0) return entries
  return changed(
    nodes,
    entries,
    [...changes].map(([name, entry]) => ({ name, entry, way: "" })),
    0,
  )
}

interface Change {
  readonly name: string
  readonly entry: Entry | undefined
  /** wayTo(name); empty until it is needed. */
  way: string
}

function changed(nodes: KeptNodes, entries: Entries, changes: readonly Change[], depth: number): Entries {
  const node = entries === undefined ? undefined : nodes.directory(entries.digest)
  if (node === undefined || node.kind === "leaf") {
    const merged = new Map(node?.entries)
    for (const { name, entry } of changes) {
      if (entry === undefined) merged.delete(name)
      else merged.set(name, entry)
    }
    return built(nodes, [...merged.values()], depth)
  }
  const children: Entries[] = [...node.children]
  for (const [digit, some] of byDigit(changes, depth))
    children[digit] = changed(nodes, children[digit], some, depth + 1)
  return ofChildren(nodes, children)
}

function ofChildren(nodes: KeptNodes, children: readonly Entries[]): Entries {
  const totals = children.reduce<Totals>(
    (sum, child) => (child ? addTotals(sum, child.totals) : sum),
    NO_TOTALS,
  )
  if (totals.entries > STATE_TREE.leafEntries) return nodes.putDirectory({ kind: "branch", children })
  try {
    return leafOf(
      nodes,
      children.flatMap((child) => [...entriesOf(nodes, child?.digest)]),
    )
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "damaged")) throw error
    // What can be read must be kept even so: a branch with few entries says the same.
    return nodes.putDirectory({ kind: "branch", children })
  }
}

function built(nodes: KeptNodes, entries: Entry[], depth: number): Entries {
  if (entries.length <= STATE_TREE.leafEntries) return leafOf(nodes, entries)
  const children = new Array<Entries>(STATE_TREE.branches).fill(undefined)
  const changes = entries.map((entry) => ({ name: entry.name, entry, way: "" }))
  for (const [digit, some] of byDigit(changes, depth)) {
    children[digit] = built(
      nodes,
      some.map(({ entry }) => entry),
      depth + 1,
    )
  }
  return nodes.putDirectory({ kind: "branch", children })
}

function leafOf(nodes: KeptNodes, entries: Entry[]): Entries {
  if (entries.length === 0) return undefined
  entries.sort((left, right) => (left.name < right.name ? -1 : 1))
  return nodes.putDirectory({ kind: "leaf", entries: new Map(entries.map((entry) => [entry.name, entry])) })
}

function byDigit<C extends { readonly name: string; way: string }>(
  changes: readonly C[],
  depth: number,
): Map<number, C[]> {
  const groups = new Map<number, C[]>()
  for (const change of changes) {
    change.way ||= wayTo(change.name)
    const digit = digitAt(change.way, depth)
    const group = groups.get(digit)
    if (group === undefined) groups.set(digit, [change])
    else group.push(change)
  }
  return groups
}

function digitAt(way: string, depth: number): number {
  if (depth >= way.length) throw new Error("More than 128 names have the same SHA-256")
  return Number.parseInt(way.charAt(depth), 16)
}
