import { type Digest, parseDigest } from "@skerry/model"
import { CallFailure, type KeepRule, type PruneRow, type VersionRow } from "@skerry/rpc"
import { TREE_LIMITS } from "../../file-tree.ts"
import { entryAt, withEntryAt, withNewIds } from "./change-tree.ts"
import { keptVersions } from "./keep-rule.ts"
import { Met, NewObjects } from "./new-objects.ts"
import { treeRecordName, versionRecordName } from "./records.ts"
import type { StateStore } from "./state-store.ts"
import type { StoredTree } from "./stored-tree.ts"
import type { Quota } from "./tree-host.ts"
import { digestOfRow, type RecordChanges } from "./version-log.ts"
import { isHeldBelow } from "./work-node.ts"
import { ROOT_ID } from "./work-tree.ts"

type Reason = VersionRow["reason"]

/** Nodes that may be met again while versions are looked through. */
const MET_NODES = 200_000

/** Ids of nodes are below it: readers' cursors are, and there must be new ones. Only a forged version has others. */
const MOST_IDS = 2n ** 62n

/** What is done to whole trees. Each is one commit: it was done, or nothing was. */
export class Versions {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  /** The digest that a version's number or digest means, or the present's. */
  digest(tree: StoredTree, version: string): Digest {
    return version === "" ? tree.state.work.keep() : digestOfRow(tree.versions.find(version))
  }

  /** Keeps the present; `isNew` false: nothing has changed since the newest version, which is returned. */
  snapshot(
    tree: StoredTree,
    reason: Reason,
    note: string,
  ): { readonly row: VersionRow; readonly isNew: boolean } {
    const { newest } = tree.versions
    if (newest?.digest === tree.state.work.keep()) return { row: newest, isNew: false }
    return { row: this.#committed(tree, (changes) => this.#add(tree, reason, note, changes)), isNew: true }
  }

  /** What clients hold goes on with the new content where its names lead to the same node; else it is stale. */
  rollback(tree: StoredTree, version: string): { readonly kept: VersionRow; readonly row: VersionRow } {
    const target = tree.versions.find(version)
    return this.#replace(
      tree,
      digestOfRow(target),
      "before-rollback",
      "rollback",
      `to version ${target.version}`,
    )
  }

  /** Throws CallFailure "unknown-path". */
  restorePath(tree: StoredTree, version: string, names: readonly string[], to: readonly string[]) {
    const { nodes } = this.#store
    const { work } = tree.state
    const found = entryAt(nodes, this.digest(tree, version), names)
    if (found === undefined) throw new CallFailure("unknown-path", "The version has nothing at this path")
    if (to.length === 0 && found.kind !== "directory") {
      throw new CallFailure("bad-request", "Only a directory can take the place of the whole tree")
    }
    const present = work.keep()
    const there = entryAt(nodes, present, to)
    const restored = withNewIds(nodes, found, () => work.nextId++)
    const entry = there?.kind === found.kind ? { ...restored, id: there.id } : restored
    const time = BigInt(Math.floor(this.#store.now())) * 1_000_000n
    const root = nodes.putRoot(withEntryAt(nodes, nodes.root(present), to, entry, time))
    const note = `${Buffer.from(to.join("/"), "latin1").toString()} of ${version === "" ? "the present" : `version ${version}`}`
    return this.#replace(tree, root, "before-rollback", "restored", note.slice(0, 120))
  }

  /** Looks whether everything that versions to be adopted lead to is there, an object at a time. Throws CallFailure "damaged". */
  *looked({ versions }: StoredTree, rows: readonly VersionRow[]): Generator<undefined, void, undefined> {
    const known: Digest[] = versions.rows.map(digestOfRow)
    const found = new NewObjects(this.#store.nodes, new Met(MET_NODES))
    for (const { digest } of rows) {
      const root = parseDigest(digest)
      for (const object of found.of(root, known.slice(-4))) {
        if (!this.#store.objects.has(object.kind, object.digest)) {
          throw new CallFailure("damaged", `Version ${digest} lacks the ${object.kind} ${object.digest}`)
        }
        yield
      }
      known.push(root)
    }
  }

  /** Makes versions of what looked() found there; with `present`, the last becomes the present. */
  adopt(tree: StoredTree, rows: readonly VersionRow[], present: boolean): void {
    const { lastVersion, state, versions } = tree
    const last = rows.at(-1)
    if (last === undefined) return
    if (present) this.#expectAtRest(tree)
    const before = state.work.keep()
    this.#committed(tree, (changes) => {
      for (const row of rows) {
        lastVersion.number = Math.max(lastVersion.number + 1, row.version)
        const { bytes, files } = this.#store.nodes.root(parseDigest(row.digest)).below
        versions.add({ ...row, version: lastVersion.number, files, bytes }, changes)
      }
      if (present) this.#become(tree, parseDigest(last.digest), before)
      return last
    })
  }

  /** What a rule keeps, and what not. */
  plan(tree: StoredTree, rule: KeepRule): PruneRow[] {
    const kept = keptVersions(tree.versions.rows, rule)
    return tree.versions.rows.map(({ version }) => {
      const why = kept.get(version) ?? []
      return { tree: tree.name, version, isKept: why.length > 0, why: why.join(", ") }
    })
  }

  remove(tree: StoredTree, versions: ReadonlySet<number>): void {
    if (versions.size > 0) this.#committed(tree, (changes) => tree.versions.remove(versions, changes))
  }

  setQuota(tree: StoredTree, quota: Quota): void {
    const before = tree.state.quota
    this.#orUndo(
      () => {
        tree.state.quota = quota
        this.#store.checkpoint()
      },
      () => {
        tree.state.quota = before
      },
    )
  }

  /** Throws CallFailure "busy" while somebody has it open. */
  removeTree(tree: StoredTree): void {
    this.#expectAtRest(tree)
    const changes: RecordChanges = new Map([[treeRecordName(tree.name), undefined]])
    for (const { version } of tree.versions.rows)
      changes.set(versionRecordName(tree.name, version), undefined)
    this.#store.checkpoint(changes)
    this.#store.forget(tree.name)
  }

  #expectAtRest({ name, state }: StoredTree): void {
    const { root } = state.work
    if (root.holds > 1 || isHeldBelow(root)) throw new CallFailure("busy", `The tree ${name} is in use`)
  }

  #add(tree: StoredTree, reason: Reason, note: string, changes: RecordChanges): VersionRow {
    const { lastVersion, state, versions } = tree
    const digest = state.work.keep()
    const { bytes, files } = this.#store.nodes.root(digest).below
    const time = Math.floor(this.#store.now())
    lastVersion.number += 1
    const row = { version: lastVersion.number, digest, time, reason, note, files, bytes }
    versions.add(row, changes)
    return row
  }

  #replace(tree: StoredTree, target: Digest, keptFor: Reason, reason: Reason, note: string) {
    const { newest } = tree.versions
    const before = tree.state.work.keep()
    return this.#committed(tree, (changes) => {
      const kept = newest?.digest === before ? newest : this.#add(tree, keptFor, note, changes)
      this.#become(tree, target, before)
      return { kept, row: this.#add(tree, reason, note, changes) }
    })
  }

  #become({ state }: StoredTree, target: Digest, before: Digest): void {
    if (target === before) return
    const root = this.#store.nodes.root(target)
    const { bytes, maxId } = root.below
    if (bytes > TREE_LIMITS.fileBytes || maxId >= MOST_IDS || root.id !== ROOT_ID) {
      throw new CallFailure("bad-request", "The version cannot be counted on from")
    }
    state.work.replace(root, target)
    state.forgetListings()
  }

  /** Does it and commits it, or takes it back. */
  #committed<T>(tree: StoredTree, act: (changes: RecordChanges) => T): T {
    const { lastVersion, state, versions } = tree
    const before = { number: lastVersion.number, present: state.work.keep(), rows: versions.rows }
    return this.#orUndo(
      () => {
        const changes: RecordChanges = new Map()
        const result = act(changes)
        this.#store.checkpoint(changes)
        return result
      },
      () => {
        lastVersion.number = before.number
        versions.restore(before.rows)
        if (state.work.keep() !== before.present) this.#become(tree, before.present, state.work.keep())
      },
    )
  }

  #orUndo<T>(act: () => T, undo: () => void): T {
    try {
      return act()
    } catch (error) {
      undo()
      throw error
    }
  }
}
