import { randomBytes } from "node:crypto"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openLinux } from "@skerry/linux"
import type { ObjectStore, StoreKey } from "../object-store.ts"
import { type OpenObjectStore, openObjectStore } from "../objects/open-object-store.ts"
import type { StorePlace } from "./object-store-conformance.ts"

const linux = openLinux()
export const KEY: StoreKey = { kind: "key-file", bytes: Buffer.alloc(32, "key") }

export function openTestStore(directory: string, options: Partial<OpenObjectStore> = {}): ObjectStore {
  return openObjectStore({
    directory,
    key: KEY,
    linux,
    create: true,
    limitBytes: Number.POSITIVE_INFINITY,
    randomBytes,
    now: Date.now,
    ...options,
  })
}

/** In memory where that is possible: tests sync stores many thousands of times. */
export const testRoot = () => (existsSync("/dev/shm") ? "/dev/shm" : tmpdir())

/** A directory of its own, and small segments, so that there are many. */
export function diskPlace(): StorePlace & { readonly directory: string } {
  const parent = mkdtempSync(join(testRoot(), "skerry-objects-"))
  const directory = join(parent, "store")
  return {
    directory,
    open: (limitBytes = Number.POSITIVE_INFINITY) =>
      openTestStore(directory, { limitBytes, segmentBytes: 64 * 1024 }),
    [Symbol.dispose]: () => rmSync(parent, { recursive: true }),
  }
}
