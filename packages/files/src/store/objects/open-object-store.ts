import { closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import { type ObjectStore, StoreError, type StoreKey } from "../object-store.ts"
import { Database } from "./database.ts"
import { checkDatabase } from "./database-check.ts"
import { DiskObjectStore } from "./disk-object-store.ts"
import {
  makeDirectory,
  newMasterKey,
  replaceFile,
  syncDirectory,
  unwrapMasterKey,
  wrapMasterKey,
  writeDurably,
} from "./key-file.ts"
import { ObjectFiles } from "./object-files.ts"
import { Sealer } from "./sealing.ts"
import { entryBytes } from "./segment-entry.ts"
import { Segments } from "./segments.ts"
import { SpaceBound } from "./space-bound.ts"
import { asStoreError } from "./store-errors.ts"
import { StoreKeys } from "./store-keys.ts"
import { readTables, type StoreCounts, TableWriter } from "./tables.ts"

export interface OpenObjectStore {
  readonly directory: string
  readonly key: StoreKey
  readonly linux: Pick<Linux, "tryLock" | "fileCalls">
  /** Makes a store where there is none; the directory itself is made too. */
  readonly create: boolean
  /** Of everything on disk; Infinity: what the file system has. */
  readonly limitBytes: number
  readonly randomBytes: (count: number) => Uint8Array
  /** Any clock: it only helps that no two openings are alike. */
  readonly now: () => number
  /** Of one segment file; for tests that want many. */
  readonly segmentBytes?: number
}

const SEGMENT_BYTES = 256 * 2 ** 20

const filesOf = (directory: string) => ({
  lock: join(directory, "lock"),
  keys: join(directory, "keys"),
  /** The keys of a store that is being made. */
  newKeys: join(directory, "keys.new"),
  index: join(directory, "index.mdb"),
  indexLock: join(directory, "index.mdb-lock"),
  segments: join(directory, "segments"),
})

/** Throws "locked-out", "wrong-key", "too-new", "damaged", "not-a-store", "no-space", "io". */
export function openObjectStore(options: OpenObjectStore): ObjectStore {
  try {
    return openLocked(options)
  } catch (error) {
    throw asStoreError(error, `Cannot open the store in ${options.directory}`)
  }
}

function openLocked(options: OpenObjectStore): ObjectStore {
  const paths = filesOf(options.directory)
  if (options.create) makeDirectory(options.directory)
  else if (!existsSync(paths.keys)) throw notAStore(options.directory)
  const lockFd = openSync(paths.lock, "a+", 0o600)
  const owned = new DisposableStack()
  owned.defer(() => closeSync(lockFd))
  try {
    if (!options.linux.tryLock(lockFd)) {
      throw new StoreError("locked-out", `Cannot open the store in ${options.directory}: it is open already`)
    }
    if (!existsSync(paths.keys)) makeStore(options)
    const store = openMade(options, owned, () => closeSync(lockFd))
    owned.move()
    return store
  } catch (error) {
    owned.dispose()
    throw error
  }
}

/** The keys come last: whoever finds them finds a store. What an interrupted attempt has left holds nothing. */
function makeStore(options: OpenObjectStore): void {
  const paths = filesOf(options.directory)
  if (!existsSync(paths.newKeys) && (existsSync(paths.index) || existsSync(paths.segments))) {
    throw new StoreError(
      "not-a-store",
      `Cannot make a store in ${options.directory}: there is one whose file "keys" is missing`,
    )
  }
  const foreign = readdirSync(options.directory).filter(
    (name) => !Object.values(paths).includes(join(options.directory, name)),
  )
  if (foreign.length > 0) {
    throw new StoreError(
      "not-a-store",
      `Cannot make a store in ${options.directory}: it holds ${JSON.stringify(foreign[0])} and is no store`,
    )
  }
  const masterKey = newMasterKey(options)
  writeDurably(paths.newKeys, wrapMasterKey(masterKey, options.key, options))
  syncDirectory(options.directory) // or an index without keys could be all that a crash leaves
  for (const path of [paths.index, paths.indexLock]) rmSync(path, { force: true })
  rmSync(paths.segments, { recursive: true, force: true })
  mkdirSync(paths.segments, { mode: 0o700 })
  {
    using database = new Database(paths.index)
    const sealer = new Sealer({ openings: 0, ...options })
    const writer = new TableWriter(new StoreKeys(masterKey), sealer)
    database.commit([writer.counts({ openings: 0, lastSegment: 0, objects: 0 })])
  }
  syncDirectory(options.directory)
  renameSync(paths.newKeys, paths.keys)
  syncDirectory(options.directory)
}

function openMade(options: OpenObjectStore, owned: DisposableStack, unlock: () => void): ObjectStore {
  const paths = filesOf(options.directory)
  const masterKey = unwrapMasterKey(paths.keys, options.key)
  for (const path of [paths.index, paths.segments]) {
    if (!existsSync(path)) throw new StoreError("damaged", `The store is damaged: ${path} is missing`)
  }
  const keys = new StoreKeys(masterKey)
  checkDatabase(paths.index)
  const database = owned.use(new Database(paths.index))
  const tables = readTables(database, keys)
  const counts: StoreCounts = { ...tables.counts, openings: tables.counts.openings + 1 }
  const sealer = new Sealer({ openings: counts.openings, ...options })
  const calls = options.linux.fileCalls()
  const segments = owned.use(
    new Segments(
      {
        directory: paths.segments,
        segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
        startWriting: (fd, offset, length) => void calls.startWriting(fd, offset, length),
        punchHole: (fd, offset, length) => void calls.punchHole(fd, offset, length),
      },
      tables.segments,
      counts.lastSegment,
    ),
  )
  const files = new ObjectFiles(keys, sealer, segments)
  const store = new DiskObjectStore({
    databasePath: paths.index,
    database,
    segments,
    keys,
    sealer,
    files,
    bound: new SpaceBound(options.directory, options.limitBytes),
    counts,
    recordNames: tables.recordNames,
    randomBytes: options.randomBytes,
    changeKey(present, next) {
      const sameKey = unwrapMasterKey(paths.keys, present)
      replaceFile(paths.keys, wrapMasterKey(sameKey, next, options))
    },
    unlock,
  })
  adoptTails(store, segments, files)
  store.commit(new Map())
  store.giveBack(tables.freed)
  return store
}

/** Chunks that were written after the last commit: the journal may name them. */
function adoptTails(store: DiskObjectStore, segments: Segments, files: ObjectFiles): void {
  for (const { number, fromBytes, sizeBytes } of [...segments.tails()]) {
    let endBytes = fromBytes
    for (const { objectKey, entry, endBytes: found } of files.findEntries(number, fromBytes, sizeBytes)) {
      endBytes = found
      if (store.isKnown(objectKey)) continue
      store.adopt(objectKey, entry)
      segments.keep(entry.location, entryBytes(entry.bodyBytes))
    }
    segments.endTail(number, endBytes)
  }
}

const notAStore = (directory: string) =>
  new StoreError("not-a-store", `Cannot open ${directory}: there is no store in it`)
