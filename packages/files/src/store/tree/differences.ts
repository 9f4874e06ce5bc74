import type { Digest } from "@skerry/model"
import type { DiffRow } from "@skerry/rpc"
import { entriesOf, leavesOf } from "./directory-trie.ts"
import type { Entry } from "./entry.ts"
import type { KeptNodes } from "./kept-nodes.ts"

export interface Difference {
  readonly change: DiffRow["change"]
  readonly kind: DiffRow["kind"]
  /** Names from the root, in latin1. */
  readonly names: readonly string[]
}

/** Undefined: something was looked at, in which nothing has changed. */
type Differences = Generator<Difference | undefined, void, undefined>

/** What changed between two versions; what has one digest in both is not entered. */
export function* differences(nodes: KeptNodes, from: Digest, to: Digest): Differences {
  if (from === to) return
  yield* ofEntries(nodes, nodes.root(from), nodes.root(to), [])
}

function* ofEntries(nodes: KeptNodes, from: Entry, to: Entry, names: readonly string[]): Differences {
  if (from.kind !== to.kind) {
    yield* all(nodes, "removed", from, names)
    yield* all(nodes, "added", to, names)
    return
  }
  const { kind } = to
  if (
    kind !== "directory" &&
    (from.content !== to.content || from.size !== to.size || from.target !== to.target)
  ) {
    yield { change: "changed", kind, names }
    return
  }
  // The time of a directory changes with its entries, which are told of themselves.
  const isTouched = kind !== "directory" && from.modifyTime !== to.modifyTime
  if (isTouched || from.mode !== to.mode || !sameAttributes(from.attributes, to.attributes)) {
    yield { change: "attributes", kind, names }
  }
  if (kind !== "directory") return
  for (const pair of differingEntries(nodes, from.content, to.content)) {
    if (pair === undefined) {
      yield
      continue
    }
    const [before, after] = pair
    const path = [...names, (after ?? before)?.name ?? ""]
    if (before === undefined) {
      if (after !== undefined) yield* all(nodes, "added", after, path)
    } else if (after === undefined) yield* all(nodes, "removed", before, path)
    else yield* ofEntries(nodes, before, after, path)
  }
}

function* all(
  nodes: KeptNodes,
  change: "added" | "removed",
  entry: Entry,
  names: readonly string[],
): Differences {
  yield { change, kind: entry.kind, names }
  if (entry.kind !== "directory") return
  for (const below of entriesOf(nodes, entry.content))
    yield* all(nodes, change, below, [...names, below.name])
}

type Pair = readonly [before: Entry | undefined, after: Entry | undefined]

/** Entries of two directories that may differ, by name; undefined before those of each object. */
function* differingEntries(
  nodes: KeptNodes,
  from: Digest | undefined,
  to: Digest | undefined,
): Generator<Pair | undefined, void, undefined> {
  if (from === to) return
  yield
  const before = from === undefined ? undefined : nodes.directory(from)
  const after = to === undefined ? undefined : nodes.directory(to)
  if (before?.kind === "branch" && after?.kind === "branch") {
    for (const [digit, child] of before.children.entries()) {
      yield* differingEntries(nodes, child?.digest, after.children[digit]?.digest)
    }
    return
  }
  const old = new Map<string, Entry>()
  for (const leaf of leavesOf(nodes, from)) {
    for (const [name, entry] of leaf) old.set(name, entry)
    yield
  }
  for (const entry of entriesOf(nodes, to)) {
    yield [old.get(entry.name), entry]
    old.delete(entry.name)
  }
  for (const entry of old.values()) yield [entry, undefined]
}

function sameAttributes(left: Entry["attributes"], right: Entry["attributes"]): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0
  return left === right
}
