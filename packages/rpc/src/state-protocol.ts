import {
  bool,
  bytes,
  type Decoded,
  listOf,
  nothing,
  oneOf,
  struct,
  text,
  u32,
  u64,
  union,
} from "@skerry/wire"
import { method } from "./method.ts"

/*
 * What is asked of the state store: entries 40–59 of ADMIN, and the same entries of FILES. The daemon passes these calls
 * on to the file server as they are, after it has looked who asks. docs/protocol/state.md.
 *
 * Lists come as one JSON object per line on stdout; their types are in state-rows.ts. `tree` is a tree's name; `version` is
 * a version's number in decimal, the beginning of its digest (8 hexadecimal digits or more), or "" for the present.
 */

export const STATE_LIMITS = {
  treeBytes: 64,
  versionBytes: 80,
  pathBytes: 64 * 1024 - 1024,
  noteBytes: 512,
  keyBytes: 4096,
  /** Versions that a list of known ones may name: together they fit into one frame. */
  known: 512,
} as const

export type StateErrorCode =
  | "no-store" // nothing was ever kept here
  | "locked" // the key has not been given yet
  | "wrong-key"
  | "unknown-tree"
  | "unknown-version"
  | "unknown-path"
  | "bad-request"
  | "exists"
  | "no-space"
  | "busy" // the tree is in use, and what was asked for needs it at rest
  | "damaged"
  | "unusable" // the file server cannot be run here, or ended
  | "internal"

const tree = text({ max: STATE_LIMITS.treeBytes })
const version = text({ max: STATE_LIMITS.versionBytes })
const digest = text({ max: 80 })
const note = text({ max: STATE_LIMITS.noteBytes })
/** Names from the root, "/" between them, as bytes: they need not be UTF-8. Empty: the root. */
const path = bytes({ max: STATE_LIMITS.pathBytes })

export const StateKey = union({
  passphrase: struct({ passphrase: text({ max: STATE_LIMITS.keyBytes }) }),
  keyFile: struct({ content: bytes({ max: STATE_LIMITS.keyBytes }) }),
})
export type StateKey = Decoded<typeof StateKey>

/** How many of the newest versions of each kind are kept; 0 keeps none for that reason. */
export const KeepRule = struct({
  last: u32,
  hourly: u32,
  daily: u32,
  weekly: u32,
  monthly: u32,
  yearly: u32,
})
export type KeepRule = Decoded<typeof KeepRule>

const progress = struct({ done: u64, total: u64 })
const plain = { up: nothing, down: nothing } as const

export const STATE_METHODS = {
  /** Whether there is a store, and whether it is open. */
  stateStatus: method({
    id: 40,
    name: "stateStatus",
    params: nothing,
    result: struct({
      status: oneOf("absent", "locked", "open"),
      key: oneOf("none", "passphrase", "keyFile"),
      storedBytes: u64,
      freeBytes: u64,
    }),
    ...plain,
  }),
  /** Opens the store, or makes it where there is none. */
  stateUnlock: method({
    id: 41,
    name: "stateUnlock",
    params: struct({ key: StateKey }),
    result: nothing,
    ...plain,
  }),
  /** Another key from now on; nothing but the key is encrypted anew. */
  stateSetKey: method({
    id: 42,
    name: "stateSetKey",
    params: struct({ present: StateKey, next: StateKey }),
    result: nothing,
    ...plain,
  }),
  /** Lines of TreeRow. */
  stateTrees: method({ id: 43, name: "stateTrees", params: nothing, result: nothing, ...plain }),
  /** Lines of VersionRow, oldest first. */
  stateLog: method({ id: 44, name: "stateLog", params: struct({ tree }), result: nothing, ...plain }),
  /** Lines of EntryRow of what lies at a path: of a directory its entries, with `deep` everything below. */
  stateShow: method({
    id: 45,
    name: "stateShow",
    params: struct({ tree, version, path, deep: bool }),
    result: nothing,
    ...plain,
  }),
  /** Lines of DiffRow. */
  stateDiff: method({
    id: 46,
    name: "stateDiff",
    params: struct({ tree, from: version, to: version }),
    result: nothing,
    ...plain,
  }),
  /** Keeps the present as a version. */
  stateSnapshot: method({
    id: 47,
    name: "stateSnapshot",
    params: struct({ tree, reason: oneOf("manual", "stop", "interval"), note }),
    /** `isNew` false: nothing had changed since the newest version, which is returned. */
    result: struct({ version: u32, digest, isNew: bool }),
    ...plain,
  }),
  /** The present becomes this version; what was present is kept as a version first. */
  stateRollback: method({
    id: 48,
    name: "stateRollback",
    params: struct({ tree, version }),
    result: struct({ kept: u32, version: u32, digest }),
    ...plain,
  }),
  /** Brings one file or directory of a version back, in the place of what is there; what was present is kept as a version first. */
  stateRestorePath: method({
    id: 49,
    name: "stateRestorePath",
    params: struct({ tree, version, path, to: path }),
    result: struct({ kept: u32, version: u32 }),
    ...plain,
  }),
  /** Lines of PruneRow. Without `dryRun` what no version holds is removed from the store. Empty `tree`: of all trees. */
  statePrune: method({
    id: 50,
    name: "statePrune",
    params: struct({ tree, keep: KeepRule, dryRun: bool }),
    result: struct({ removed: u32, freedBytes: u64 }),
    up: nothing,
    down: progress,
  }),
  /** Lines of DamageRow: none where everything is as it should be. Re-reads and re-hashes the whole store. */
  stateVerify: method({
    id: 51,
    name: "stateVerify",
    params: nothing,
    result: struct({ objects: u64, damaged: u64 }),
    up: nothing,
    down: progress,
  }),
  /** Lines of UsageRow: the present, then each version. */
  stateDu: method({ id: 52, name: "stateDu", params: struct({ tree }), result: nothing, ...plain }),
  /** 0: no bound of its own. Also makes a tree that is not there yet. */
  stateSetQuota: method({
    id: 53,
    name: "stateSetQuota",
    params: struct({ tree, bytes: u64, files: u64 }),
    result: nothing,
    ...plain,
  }),
  /** Forgets a tree and all its versions. */
  stateRemoveTree: method({
    id: 54,
    name: "stateRemoveTree",
    params: struct({ tree }),
    result: nothing,
    ...plain,
  }),
  /**
   * Records of objects on stdout (object-stream.ts): everything that this version is made of, but for what the versions
   * with the digests `known` are made of. Children come before what names them.
   */
  stateObjects: method({
    id: 55,
    name: "stateObjects",
    params: struct({ tree, version, known: listOf(digest, { max: STATE_LIMITS.known }) }),
    result: struct({ objects: u64, bytes: u64 }),
    up: nothing,
    down: progress,
  }),
  /** The same records on stdin, each checked against its digest. They stay only if versions name them: stateAdopt, in the same hour. */
  statePutObjects: method({
    id: 56,
    name: "statePutObjects",
    params: nothing,
    result: struct({ objects: u64, added: u64 }),
    up: nothing,
    down: progress,
  }),
  /** Makes versions of objects that are there: lines of VersionRow on stdin, oldest first; with `present` the last is the present. */
  stateAdopt: method({
    id: 57,
    name: "stateAdopt",
    params: struct({ tree, present: bool }),
    result: struct({ versions: u32 }),
    ...plain,
  }),
  /** Tree records (tree-stream.ts) on stdin become the directory at `path`, which is made; "exists" where it is not empty, unless `merge`. */
  stateImport: method({
    id: 58,
    name: "stateImport",
    params: struct({ tree, path, merge: bool }),
    result: struct({ files: u64, bytes: u64, version: u32 }),
    up: nothing,
    down: progress,
  }),
  /** Tree records on stdout. */
  stateExport: method({
    id: 59,
    name: "stateExport",
    params: struct({ tree, version, path }),
    result: struct({ files: u64, bytes: u64 }),
    up: nothing,
    down: progress,
  }),
} as const
