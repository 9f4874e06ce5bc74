import { open, type RootDatabase } from "lmdb"
import { StoreError, type StoreErrorCode } from "../object-store.ts"
import { DATABASE_MAP_BYTES, DATABASE_PAGE_BYTES } from "./database-format.ts"

/*
 * LMDB, the way it was first made: a commit writes pages that nothing refers to yet, syncs them, and then writes one
 * meta page synchronously, so that whatever is lost or reordered before, the last commit stands. `overlappingSync`, the
 * default of the package, and `useWritemap` have other orders; nothing here needs what they gain.
 */

/** The package's types do not know of it. */
const OWNER_ONLY = { permissionsMode: 0o600 }

export interface Entry {
  readonly key: Buffer
  readonly value: Buffer
}

/** undefined: removed. */
export type Changes = Iterable<readonly [Uint8Array, Uint8Array | undefined]>

/** Keys and values in one file, one transaction at a time, everything on this thread. */
export class Database implements Disposable {
  readonly #path: string
  readonly #lmdb: RootDatabase<Buffer, Buffer>

  /** The file's structure must have been checked: LMDB believes what it reads, and a page that lies can end the process. */
  constructor(path: string) {
    this.#path = path
    this.#lmdb = this.#guard("open", () =>
      open<Buffer, Buffer>({
        ...OWNER_ONLY,
        path,
        noSubdir: true,
        mapSize: DATABASE_MAP_BYTES,
        pageSize: DATABASE_PAGE_BYTES,
        maxReaders: 8,
        maxDbs: 1,
        overlappingSync: false,
        useWritemap: false,
        noMemInit: false,
        cache: false,
        compression: false,
        encoding: "binary",
        keyEncoding: "binary",
      }),
    )
  }

  has(key: Uint8Array): boolean {
    return this.#guard("read", () => this.#lmdb.getBinaryFast(key as Buffer) !== undefined)
  }

  /** A copy. */
  get(key: Uint8Array): Buffer | undefined {
    return this.#guard("read", () => this.#lmdb.getBinary(key as Buffer))
  }

  /** Up to `most` entries whose keys begin with `first`, after the key `after`, in order. */
  list(first: number, after: Uint8Array | undefined, most: number): readonly Entry[] {
    return this.#guard("read", () => {
      const start = Buffer.from(after ?? [first])
      const range = { start, end: Buffer.from([first + 1]), limit: most, exclusiveStart: after !== undefined }
      return [...this.#lmdb.getRange(range)].map(({ key, value }) => ({
        key: Buffer.from(key),
        value: Buffer.from(value),
      }))
    })
  }

  /** All or nothing, durable when it returns. */
  commit(changes: Changes): void {
    this.#guard("write", () => {
      this.#lmdb.resetReadTxn() // or it would keep the pages that it sees from being used again
      this.#lmdb.transactionSync(() => {
        for (const [key, value] of changes) {
          if (value === undefined) this.#lmdb.removeSync(key as Buffer)
          else this.#lmdb.putSync(key as Buffer, value as Buffer)
        }
      })
      this.#lmdb.resetReadTxn()
    })
  }

  [Symbol.dispose](): void {
    void this.#lmdb.close() // closed when it returns: there is nothing under way that it could wait for
  }

  #guard<T>(doing: string, action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw new StoreError(codeOf(error), `Cannot ${doing} ${this.#path}: ${String(error)}`, { cause: error })
    }
  }
}

const CODES: ReadonlyMap<unknown, StoreErrorCode> = new Map([
  [28, "no-space"], // ENOSPC
  [122, "no-space"], // EDQUOT
  [-30792, "no-space"], // MDB_MAP_FULL
  [-30797, "damaged"], // MDB_PAGE_NOTFOUND
  [-30796, "damaged"], // MDB_CORRUPTED
  [-30793, "damaged"], // MDB_INVALID
  [-30794, "damaged"], // MDB_VERSION_MISMATCH
])

const codeOf = (error: unknown): StoreErrorCode =>
  (error instanceof Error && CODES.get((error as { code?: unknown }).code)) || "io"
