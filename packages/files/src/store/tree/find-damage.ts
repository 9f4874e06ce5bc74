import type { Digest } from "@skerry/model"
import type { DamageRow } from "@skerry/rpc"
import type { Damage, ObjectKind, ObjectStore } from "../object-store.ts"
import { digestsOf, heightOf } from "./chunk-list.ts"
import type { Entry } from "./entry.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { shownPath } from "./paths.ts"

/** What is wrong with an object; undefined: nothing. */
type Problem = (kind: ObjectKind, digest: Digest) => string | undefined

export function problemsOf(objects: ObjectStore, damage: readonly Damage[]): Problem {
  const found = new Map(damage.map(({ digest, kind, problem }) => [`${kind} ${digest}`, problem]))
  return (kind, digest) => {
    const known = found.get(`${kind} ${digest}`)
    return known ?? (objects.has(kind, digest) ? undefined : "it is missing")
  }
}

interface Met {
  readonly names: readonly string[]
  readonly problem: string
}

/** Where versions lead to what is damaged. Goes a directory at a time; what was found whole is not entered again. */
export class DamageFinder {
  readonly #nodes: KeptNodes
  readonly #problem: Problem
  readonly #whole = new Set<Digest>()
  readonly #rows = new Map<
    string,
    { readonly problem: string; readonly tree: string; readonly path: string; readonly versions: number[] }
  >()

  constructor(nodes: KeptNodes, problem: Problem) {
    this.#nodes = nodes
    this.#problem = (kind, digest) => {
      const found = problem(kind, digest)
      if (found !== undefined) this.met.add(`${kind} ${digest}`)
      return found
    }
  }

  /** Kinds and digests of what was met. */
  readonly met = new Set<string>()

  get rows(): readonly DamageRow[] {
    return [...this.#rows.values()]
  }

  /** `version` 0: the present. */
  *look(tree: string, version: number, root: Digest): Generator<void, void, undefined> {
    for (const met of this.#inRoot(root)) {
      if (met === undefined) yield
      else this.#tell(tree, version, met)
    }
  }

  #tell(tree: string, version: number, { names, problem }: Met): void {
    const path = shownPath(names)
    const key = JSON.stringify([tree, path, problem])
    const row = this.#rows.get(key) ?? { problem, tree, path, versions: [] }
    this.#rows.set(key, row)
    if (row.versions.at(-1) !== version) row.versions.push(version)
  }

  *#inRoot(root: Digest): Generator<Met | undefined, void, undefined> {
    const problem = this.#problem("node", root)
    if (problem === undefined) yield* this.#inEntry(this.#nodes.root(root), [])
    else yield { names: [], problem }
  }

  /** Returns whether all of it is whole. */
  *#inEntry(entry: Entry, names: readonly string[]): Generator<Met | undefined, boolean, undefined> {
    const { attributes, content, kind, size } = entry
    const lost = typeof attributes === "string" ? this.#problem("node", attributes) : undefined
    if (lost !== undefined) yield { names, problem: lost }
    if (content === undefined || this.#whole.has(content)) return lost === undefined
    if (kind === "directory") return (yield* this.#inDirectory(content, names)) && lost === undefined
    const problem = yield* this.#inList(content, heightOf(size))
    if (problem !== undefined) yield { names, problem }
    return problem === undefined && lost === undefined
  }

  *#inDirectory(digest: Digest, names: readonly string[]): Generator<Met | undefined, boolean, undefined> {
    if (this.#whole.has(digest)) return true
    const problem = this.#problem("node", digest)
    if (problem !== undefined) {
      yield { names, problem }
      return false
    }
    yield undefined
    const node = this.#nodes.directory(digest)
    let isWhole = true
    if (node.kind === "branch") {
      for (const child of node.children) {
        if (child !== undefined && !(yield* this.#inDirectory(child.digest, names))) isWhole = false
      }
    } else {
      for (const entry of node.entries.values()) {
        if (!(yield* this.#inEntry(entry, [...names, entry.name]))) isWhole = false
      }
    }
    if (isWhole) this.#whole.add(digest)
    return isWhole
  }

  /** The first thing that is wrong with a file. */
  *#inList(digest: Digest, height: number): Generator<undefined, string | undefined, undefined> {
    const problem = this.#problem(height === 0 ? "chunk" : "node", digest)
    if (problem !== undefined || height === 0 || this.#whole.has(digest)) return problem
    yield
    for (const child of digestsOf(this.#nodes, digest, height)) {
      const lost = child && (yield* this.#inList(child, height - 1))
      if (lost !== undefined) return lost
    }
    this.#whole.add(digest)
    return undefined
  }
}
