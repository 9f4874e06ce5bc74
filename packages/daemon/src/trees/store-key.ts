import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { STATE_LIMITS, type StateKey } from "@skerry/rpc"
import { DaemonError } from "../errors.ts"

const FILE = "state.key"
const NEXT = "state.key.next"
const KEY_BYTES = 32
/** Each that is wrong costs a second of hashing at the next start. */
const MOST_HELD = 2

/**
 * The key of the state store: a file in the configuration, unless a passphrase was set. A passphrase is held in memory,
 * so that a server which is started anew can be given it, and never written down.
 */
export class StoreKey {
  readonly #path: string
  readonly #nextPath: string
  readonly #randomBytes: (count: number) => Uint8Array
  /** The newest first. */
  #held: readonly StateKey[] = []

  constructor(configuration: string, randomBytes: (count: number) => Uint8Array) {
    this.#path = join(configuration, FILE)
    this.#nextPath = join(configuration, NEXT)
    this.#randomBytes = randomBytes
  }

  /** What may open the store, the likeliest first. */
  known(): StateKey[] {
    const files = [this.#path, this.#nextPath].flatMap((path) => readKey(path) ?? [])
    return [...this.#held, ...files]
  }

  /** The key file's key; the file is made where there is none. Throws where it cannot be written. */
  file(): StateKey {
    const found = readKey(this.#path)
    if (found !== undefined) return found
    const content = Buffer.from(`${Buffer.from(this.#randomBytes(KEY_BYTES)).toString("hex")}\n`)
    writeKey(this.#path, content)
    return { kind: "keyFile", content }
  }

  /**
   * This one has opened the store, or came while another did: a server looks at none once it is open, so that both are
   * tried when it is started anew.
   */
  hold(key: StateKey): void {
    const others = this.#held.filter((each) => JSON.stringify(each) !== JSON.stringify(key))
    this.#held = [key, ...others].slice(0, MOST_HELD)
  }

  /**
   * Before the store takes another key: a key file's is written beside the present one, because whichever of the two the
   * store has after a crash must still be known.
   */
  prepareChange(next: StateKey): void {
    if (next.kind === "keyFile") writeKey(this.#nextPath, next.content)
  }

  /** The store has taken it: the files say the same from now on. */
  changed(next: StateKey): void {
    this.#held = [next]
    if (next.kind === "keyFile") renameSync(this.#nextPath, this.#path)
    else for (const path of [this.#path, this.#nextPath]) rmSync(path, { force: true })
  }

  /** The store has kept the present one. */
  notChanged(): void {
    rmSync(this.#nextPath, { force: true })
  }
}

function readKey(path: string): StateKey | undefined {
  try {
    const { mode, size } = statSync(path)
    if ((mode & 0o077) !== 0) {
      throw new DaemonError(
        "unusable",
        `Others can read ${path}, the key of the state store: run "chmod 600 ${path}"`,
      )
    }
    if (size === 0 || size > STATE_LIMITS.keyBytes) {
      throw new DaemonError("unusable", `${path} is no key of a state store: it has ${size} bytes`)
    }
    return { kind: "keyFile", content: readFileSync(path) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** There as a whole, or not at all. */
function writeKey(path: string, content: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.tmp`
  rmSync(temporary, { force: true })
  const fd = openSync(temporary, "wx", 0o600)
  try {
    writeSync(fd, content)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  const directory = openSync(dirname(path), "r")
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
