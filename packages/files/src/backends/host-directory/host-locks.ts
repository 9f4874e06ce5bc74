import { constants } from "node:fs"
import type { FileCalls } from "@skerry/linux"
import type { TreeNode } from "../../file-tree.ts"
import type { LockKind, LockRange, OutsideLocks } from "../../server/lock-table.ts"
import { ERRNO } from "./errno.ts"
import type { HostNode } from "./host-node.ts"

/** Files that are locked at once: each has a descriptor, beside those of nodes. */
export const MOST_LOCKED_FILES = 512

/** Offsets of Linux are below it: nothing of the host can be locked further behind. */
const OFFSETS = 1n << 63n

const OPEN = constants.O_NOCTTY | constants.O_NONBLOCK

/**
 * Locks of a host directory's files as all others on the host see them: programs of the host, and file servers that have a file
 * too. All clients of this server are one owner there; who of them has what is the lock table's business.
 *
 * They are locks of an open file description (F_OFD_SETLK): they end with this process. Who may not write holds none, so
 * that nobody has to wait for those who may only read; it gets none either that the host would not give.
 */
export class HostLocks implements OutsideLocks {
  readonly #calls: FileCalls
  readonly #mayHold: boolean
  /** By the file's id: a descriptor of our own, since a description's locks are all one owner's. */
  readonly #files = new Map<bigint, number>()

  constructor(calls: FileCalls, access: "read" | "write") {
    this.#calls = calls
    this.#mayHold = access === "write"
  }

  take(node: TreeNode, kind: LockKind, range: LockRange): "granted" | "blocked" | "full" {
    const place = placeOf(range)
    if (node.kind !== "file" || place === undefined) return "granted"
    const known = this.#files.get(node.id)
    if (known === undefined && this.#files.size >= MOST_LOCKED_FILES) return "full"
    const fd = known ?? this.#open(node as HostNode)
    if (fd === -ERRNO.EMFILE || fd === -ERRNO.ENFILE) return "full"
    // Its account may not open it: nobody is kept from anything by its locks, as nobody was.
    if (fd < 0) return "granted"
    this.#files.set(node.id, fd)
    if (!this.#mayHold) return this.#calls.lockInTheWay(fd, kind, ...place) === 1 ? "blocked" : "granted"
    const done = this.#calls.lockRange(fd, kind, ...place)
    // A file that can only be read is locked by flock(2) all the same.
    const result = done === -ERRNO.EBADF ? this.#calls.lockRange(fd, "read", ...place) : done
    return result === -ERRNO.EAGAIN || result === -ERRNO.EACCES ? "blocked" : "granted"
  }

  giveBack(node: TreeNode, range: LockRange): void {
    const fd = this.#files.get(node.id)
    const place = placeOf(range)
    if (fd !== undefined && place !== undefined) this.#calls.lockRange(fd, "none", ...place)
  }

  end(node: TreeNode): void {
    const fd = this.#files.get(node.id)
    if (fd !== undefined) this.#calls.close(fd)
    this.#files.delete(node.id)
  }

  /** A descriptor, or a negative errno. */
  #open({ fd }: HostNode): number {
    const both = this.#mayHold ? this.#calls.reopen(fd, OPEN | constants.O_RDWR) : -1
    return both < 0 ? this.#calls.reopen(fd, OPEN | constants.O_RDONLY) : both
  }
}

/** Start and length as Linux has them: length 0 is to the end, wherever that will be. */
function placeOf({ end, start }: LockRange): readonly [start: bigint, length: bigint] | undefined {
  if (start >= OFFSETS) return undefined
  return [start, end >= OFFSETS ? 0n : end - start]
}
