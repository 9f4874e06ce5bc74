import type { StoreKey } from "../object-store.ts"
import type { Database } from "./database.ts"
import type { ObjectFiles } from "./object-files.ts"
import type { Sealer } from "./sealing.ts"
import type { Segments } from "./segments.ts"
import type { SpaceBound } from "./space-bound.ts"
import type { StoreKeys } from "./store-keys.ts"
import type { StoreCounts } from "./tables.ts"

/** What an open store is made of. */
export interface StoreParts {
  readonly databasePath: string
  readonly database: Database
  readonly segments: Segments
  readonly keys: StoreKeys
  readonly sealer: Sealer
  readonly files: ObjectFiles
  readonly bound: SpaceBound
  readonly counts: StoreCounts
  readonly recordNames: ReadonlySet<string>
  readonly randomBytes: (count: number) => Uint8Array
  readonly changeKey: (present: StoreKey, next: StoreKey) => void
  /** Lets go of the store's lock. */
  readonly unlock: () => void
}
