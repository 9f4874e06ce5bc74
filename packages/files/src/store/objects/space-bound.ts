import { statfsSync } from "node:fs"
import { StoreError } from "../object-store.ts"

/** What the file system must keep free for commits and collections, in bytes: a full store must be able to get emptier. */
const RESERVED_BYTES = 8 * 2 ** 20
/** Written between two looks at the file system. */
const LOOK_BYTES = 1024 * 1024

/** Whether there is room for more. */
export class SpaceBound {
  readonly #directory: string
  readonly #limitBytes: number
  #untilLook = 0

  constructor(directory: string, limitBytes: number) {
    this.#directory = directory
    this.#limitBytes = limitBytes
  }

  freeBytes(storedBytes: number): number {
    return Math.max(0, Math.min(this.#limitBytes - storedBytes, this.#fileSystemFreeBytes()))
  }

  /** Throws "no-space". */
  take(bytes: number, storedBytes: () => number): void {
    if (this.#limitBytes !== Number.POSITIVE_INFINITY && storedBytes() + bytes > this.#limitBytes) {
      throw new StoreError("no-space", `The store's bound of ${this.#limitBytes} bytes is reached`)
    }
    this.#untilLook -= bytes
    if (this.#untilLook >= 0) return
    if (this.#fileSystemFreeBytes() < bytes) {
      throw new StoreError("no-space", "The file system of the store is full")
    }
    this.#untilLook = LOOK_BYTES
  }

  #fileSystemFreeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory)
    return bavail * bsize - RESERVED_BYTES
  }
}
