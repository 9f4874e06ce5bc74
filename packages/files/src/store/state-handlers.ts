import type { PortHandler } from "@skerry/loop"
import type { Digest } from "@skerry/model"
import {
  CallFailure,
  type CallState,
  type DiffRow,
  type EntryRow,
  type Method,
  STATE_METHODS,
  type TreeRow,
  type UsageRow,
} from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import { sendRows, stateFailure, type Work, workOn } from "./state-calls.ts"
import { exportHandler, importHandler } from "./state-files.ts"
import type { OpenState, StateKeeper } from "./state-keeper.ts"
import { adoptHandler, objectsHandler, putObjectsHandler } from "./state-objects.ts"
import { pruneHandler, verifyHandler } from "./state-upkeep.ts"
import { entryAt } from "./tree/change-tree.ts"
import { differences } from "./tree/differences.ts"
import { leavesOf } from "./tree/directory-trie.ts"
import type { Entry } from "./tree/entry.ts"
import type { KeptNodes } from "./tree/kept-nodes.ts"
import { parsePath, pathFields } from "./tree/paths.ts"
import { rootsOf } from "./tree/stored-tree.ts"
import { usageRows } from "./tree/usage.ts"

const { stateStatus, stateUnlock, stateSetKey, stateTrees, stateLog, stateShow, stateDiff } = STATE_METHODS
const { stateSnapshot, stateRollback, stateRestorePath, stateDu, stateSetQuota, stateRemoveTree } =
  STATE_METHODS

/** All of STATE_METHODS. docs/protocol/state.md. */
export function stateHandlers(keeper: StateKeeper): readonly PortHandler[] {
  return [
    simple(stateStatus, () => keeper.status()),
    simple(stateUnlock, ({ key }) => keeper.unlock(key)),
    simple(stateSetKey, ({ present, next }) => keeper.setKey(present, next)),
    rows(keeper, stateTrees, () => [...treeRows(keeper.open)]),
    rows(keeper, stateLog, ({ tree }) => keeper.open.store.stored(tree).versions.rows),
    rows(keeper, stateShow, (params, pin) => shownRows(keeper.open, params, pin)),
    rows(keeper, stateDiff, (params, pin) => diffRows(keeper.open, params, pin)),
    simple(stateSnapshot, ({ tree, reason, note }) => {
      const { store, versions } = keeper.open
      const { isNew, row } = versions.snapshot(store.stored(tree), reason, note)
      return { version: row.version, digest: row.digest, isNew }
    }),
    simple(stateRollback, ({ tree, version }) => {
      const { store, versions } = keeper.open
      const { kept, row } = versions.rollback(store.stored(tree), version)
      return { kept: kept.version, version: row.version, digest: row.digest }
    }),
    simple(stateRestorePath, ({ tree, version, path, to }) => {
      const { store, versions } = keeper.open
      const from = parsePath(path)
      const { kept, row } = versions.restorePath(store.stored(tree), version, from, parsePath(to))
      return { kept: kept.version, version: row.version }
    }),
    pruneHandler(keeper),
    verifyHandler(keeper),
    rows(keeper, stateDu, ({ tree }, pin) => duRows(keeper.open, tree, pin)),
    simple(stateSetQuota, ({ tree, bytes, files }) => {
      const { store, versions } = keeper.open
      versions.setQuota(store.stored(tree, "make"), { bytes: counted(bytes), files: counted(files) })
    }),
    simple(stateRemoveTree, ({ tree }) => {
      const { store, versions } = keeper.open
      versions.removeTree(store.stored(tree))
    }),
    objectsHandler(keeper),
    putObjectsHandler(keeper),
    adoptHandler(keeper),
    importHandler(keeper),
    exportHandler(keeper),
  ]
}

function simple<P, R, U, D>(method: Method<P, R, U, D>, act: (params: P) => R): PortHandler {
  return {
    id: method.id,
    start(call, untrustedParams) {
      const params = decode(method.params, untrustedParams)
      const work = workOn(call)
      attempt(work, () => work.finish(encode(method.result, act(params))))
    },
  }
}

/** Rows of what does not change: a list may go on for long, while clients work. */
function rows<P, U, D>(
  keeper: StateKeeper,
  method: Method<P, undefined, U, D>,
  list: (params: P, pin: Pin) => Iterable<object | undefined>,
): PortHandler {
  return {
    id: method.id,
    start(call: CallState, untrustedParams) {
      const params = decode(method.params, untrustedParams)
      const pinned = new DisposableStack()
      const work = workOn(call, () => pinned.dispose())
      attempt(work, () => {
        const listed = list(params, (root) => pinned.defer(keeper.open.store.pins.pin(root)))
        sendRows(call, work, keeper.clock, listed, () => encode(method.result, undefined))
      })
    },
  }
}

/** Keeps what a version is made of for as long as the call goes on. */
type Pin = (root: Digest) => void

function attempt(work: Work, act: () => void): void {
  try {
    act()
  } catch (error) {
    work.fail(stateFailure(error))
  }
}

function counted(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new CallFailure("bad-request", `A quota of ${value} is too much`)
  return Number(value)
}

function* treeRows({ store }: OpenState): Generator<TreeRow, void, undefined> {
  for (const name of store.names) {
    const { state, versions } = store.stored(name)
    yield {
      tree: name,
      files: state.work.files,
      bytes: state.work.bytes,
      quotaBytes: state.quota.bytes,
      quotaFiles: state.quota.files,
      versions: versions.rows.length,
      clients: state.clients,
    }
  }
}

interface Shown {
  readonly tree: string
  readonly version: string
  readonly path: Uint8Array
  readonly deep: boolean
}

function shownRows(
  { store, versions }: OpenState,
  { deep, path, tree, version }: Shown,
  pin: Pin,
): Iterable<EntryRow | undefined> {
  const names = parsePath(path)
  const root = versions.digest(store.stored(tree), version)
  pin(root)
  const entry = entryAt(store.nodes, root, names)
  if (entry === undefined) throw new CallFailure("unknown-path", "There is nothing at this path")
  return entry.kind === "directory" ? rowsBelow(store.nodes, entry, names, deep) : [entryRow(entry, names)]
}

function* rowsBelow(
  nodes: KeptNodes,
  directory: Entry,
  names: readonly string[],
  deep: boolean,
): Generator<EntryRow | undefined, void, undefined> {
  const entries: Entry[] = []
  for (const leaf of leavesOf(nodes, directory.content)) {
    entries.push(...leaf.values())
    yield
  }
  entries.sort((left, right) => (left.name < right.name ? -1 : 1))
  for (const entry of entries) {
    const path = [...names, entry.name]
    yield entryRow(entry, path)
    if (deep && entry.kind === "directory") yield* rowsBelow(nodes, entry, path, deep)
  }
}

function entryRow(entry: Entry, names: readonly string[]): EntryRow {
  const { kind, mode, size, target } = entry
  return {
    ...pathFields(names),
    kind,
    mode,
    size: kind === "symlink" ? target.length : size,
    modifyTime: Number(entry.modifyTime / 1_000_000n),
    ...(kind === "symlink" ? { target: Buffer.from(target, "latin1").toString() } : {}),
  }
}

interface Compared {
  readonly tree: string
  readonly from: string
  readonly to: string
}

function diffRows({ store, versions }: OpenState, { from, to, tree }: Compared, pin: Pin) {
  const stored = store.stored(tree)
  const digests = [versions.digest(stored, from), versions.digest(stored, to)] as const
  for (const root of digests) pin(root)
  return differences(store.nodes, ...digests).map(
    (found): DiffRow | undefined =>
      found && { change: found.change, kind: found.kind, ...pathFields(found.names) },
  )
}

function duRows({ store }: OpenState, tree: string, pin: Pin): Iterable<UsageRow | undefined> {
  const versions = rootsOf(store.stored(tree))
  for (const { root } of versions) pin(root)
  return usageRows(store, versions)
}
