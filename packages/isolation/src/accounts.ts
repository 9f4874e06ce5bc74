import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { IsolationError } from "./backend.ts"

/** A host account that runs one domain at a time and nothing else. */
export interface DomainAccount {
  /** `reserved`: the daemon is root. `sub-uid`: given to the daemon's user in /etc/subuid and /etc/subgid. */
  readonly kind: "reserved" | "sub-uid"
  readonly uid: number
  readonly gid: number
}

/** First id and how many of them. */
export interface IdRange {
  readonly first: number
  readonly count: number
}

/** Above what systemd, containers and sub-uids use by convention, below 2^31. */
const RESERVED_RANGE: IdRange = { first: 1_900_000_000, count: 65_536 }
/** Accounts that one daemon claims at a time: more daemons than 256 on a host are not expected. */
const BLOCK_ACCOUNTS = 256

export interface AccountOptions {
  /** The daemon's own uid and user name. */
  readonly uid: number
  readonly userName: string
  /** Texts of /etc/subuid and /etc/subgid. */
  readonly subuid: string
  readonly subgid: string
  /** Shared by all daemons that draw on the same range: one lock file per block lies here. */
  readonly lockDirectory: string
  /** Takes the exclusive lock of an open file; false where another process has it. */
  readonly tryLock: (fd: number) => boolean
}

/** The largest range that /etc/subuid or /etc/subgid gives to a user; subuid(5). */
export function parseSubIds(text: string, userName: string, uid: number): IdRange | undefined {
  let largest: IdRange | undefined
  for (const line of text.split("\n")) {
    const [owner, first, count] = line.split(":")
    if (owner !== userName && owner !== String(uid)) continue
    const range = { first: Number(first), count: Number(count) }
    if (!Number.isSafeInteger(range.first) || !Number.isSafeInteger(range.count)) continue
    if (range.count > (largest?.count ?? 0)) largest = range
  }
  return largest
}

/**
 * The accounts of one daemon. Blocks are claimed by file locks, which end with the process however it ends, so two
 * daemons (of different homes) never run domains under the same account.
 */
export class Accounts implements Disposable {
  readonly #options: AccountOptions
  readonly #kind: DomainAccount["kind"]
  readonly #uids: IdRange
  readonly #gids: IdRange
  readonly #locks: number[] = []
  readonly #free: number[] = []
  #nextBlock = 0

  /** Fails with "unusable" where an ordinary user has no sub-uids. */
  constructor(options: AccountOptions) {
    this.#options = options
    if (options.uid === 0) {
      this.#kind = "reserved"
      this.#uids = RESERVED_RANGE
      this.#gids = RESERVED_RANGE
      return
    }
    const uids = parseSubIds(options.subuid, options.userName, options.uid)
    const gids = parseSubIds(options.subgid, options.userName, options.uid)
    if (uids === undefined || gids === undefined) {
      throw new IsolationError(
        "unusable",
        `User "${options.userName}" has no sub-uids, so domains cannot get accounts of their own; ` +
          `run: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${options.userName}`,
      )
    }
    this.#kind = "sub-uid"
    this.#uids = uids
    this.#gids = gids
  }

  /** An account that nothing runs under. Fails with "out-of-accounts". */
  take(): DomainAccount {
    const index = this.#free.pop() ?? this.#claim()
    return { kind: this.#kind, uid: this.#uids.first + index, gid: this.#gids.first + index }
  }

  /** Only after every process of the account is gone. */
  giveBack(account: DomainAccount): void {
    this.#free.push(account.uid - this.#uids.first)
  }

  [Symbol.dispose](): void {
    for (const fd of this.#locks.splice(0)) closeSync(fd)
    this.#free.length = 0
  }

  #claim(): number {
    const count = Math.min(this.#uids.count, this.#gids.count)
    mkdirSync(this.#options.lockDirectory, { recursive: true, mode: 0o700 })
    while ((this.#nextBlock + 1) * BLOCK_ACCOUNTS <= count) {
      const block = this.#nextBlock++
      const fd = openSync(join(this.#options.lockDirectory, `accounts-${block}.lock`), "a", 0o600)
      if (!this.#options.tryLock(fd)) {
        closeSync(fd)
        continue
      }
      this.#locks.push(fd)
      for (let i = BLOCK_ACCOUNTS - 1; i >= 0; i--) this.#free.push(block * BLOCK_ACCOUNTS + i)
      const index = this.#free.pop()
      if (index !== undefined) return index
    }
    throw new IsolationError(
      "out-of-accounts",
      `All ${count} accounts from uid ${this.#uids.first} on are in use; stop a domain first`,
    )
  }
}
