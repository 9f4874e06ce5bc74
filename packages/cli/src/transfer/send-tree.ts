import { once } from "node:events"
import { fstatSync, readSync } from "node:fs"
import { constants } from "node:os"
import type { Writable } from "node:stream"
import { setImmediate } from "node:timers/promises"
import type { FileCalls } from "@skerry/linux"
import type { TreeRecord } from "@skerry/rpc"
import { type HostEntry, type SkippedWhy, walkHostTree } from "./host-tree.ts"
import { frameOf, TRANSFER_LIMITS } from "./tree-records.ts"

export interface Measured {
  readonly files: number
  readonly bytes: number
}

export interface SkippedEntry {
  readonly path: Buffer
  readonly why: SkippedWhy | "changed"
  readonly code: string
}

/** What a person should know of an import. */
export interface Sent extends Measured {
  readonly directories: number
  readonly symlinks: number
  /** Files that had further names: each name is a file of its own now. */
  readonly hardLinks: number
  readonly skipped: readonly SkippedEntry[]
  readonly skippedCount: number
  /** Files that were written while they were read: what was sent may be half old, half new. */
  readonly changed: readonly SkippedEntry[]
  readonly changedCount: number
}

const LIMITS = {
  /** Paths that are kept to be listed; of more only the count is. */
  listed: 1000,
  /** Entries between two looks at whether the user has interrupted. */
  turnEntries: 512,
} as const

/** So that there is a remaining time to show. What cannot be read is left to the import to report. */
export async function measureTree(hostPath: string, signal: AbortSignal): Promise<Measured> {
  let [files, bytes, entries] = [0, 0, 0]
  for (const entry of walkHostTree(hostPath)) {
    entries += 1
    if (entries % LIMITS.turnEntries === 0) await turn(signal)
    if (entry.kind !== "file") continue
    files += 1
    bytes += Number(entry.stats.size)
  }
  return { files, bytes }
}

async function turn(signal: AbortSignal): Promise<void> {
  await setImmediate()
  signal.throwIfAborted()
}

/** Where files have holes. */
export type FindHoles = Pick<FileCalls, "seekData" | "seekHole">

/** Writes the records of a directory and ends the stream; waits where its reader is slow. Abort `signal` where the reader is gone. */
export async function sendTree(
  hostPath: string,
  output: Writable,
  { find, signal, onBytes }: SendOptions,
): Promise<Sent> {
  const sender = new Sender(output, { find, signal, onBytes })
  for (const entry of walkHostTree(hostPath)) await sender.add(entry)
  await sender.finish()
  return sender.sent
}

export interface SendOptions {
  readonly find: FindHoles
  readonly signal: AbortSignal
  readonly onBytes: (done: number) => void
}

class Sender {
  readonly #output: Writable
  readonly #find: FindHoles
  readonly #signal: AbortSignal
  readonly #onBytes: (done: number) => void
  readonly #piece = Buffer.allocUnsafeSlow(TRANSFER_LIMITS.pieceBytes)
  readonly #counts = { files: 0, bytes: 0, directories: 0, symlinks: 0, hardLinks: 0 }
  readonly #skipped = new Listed()
  readonly #changed = new Listed()
  #entries = 0

  constructor(output: Writable, { find, signal, onBytes }: SendOptions) {
    this.#output = output
    this.#find = find
    this.#signal = signal
    this.#onBytes = onBytes
  }

  get sent(): Sent {
    return {
      ...this.#counts,
      skipped: this.#skipped.first,
      skippedCount: this.#skipped.count,
      changed: this.#changed.first,
      changedCount: this.#changed.count,
    }
  }

  async add(entry: HostEntry): Promise<void> {
    this.#entries += 1
    if (this.#entries % LIMITS.turnEntries === 0) await turn(this.#signal)
    switch (entry.kind) {
      case "skipped":
        this.#skipped.add(entry)
        return
      case "directory":
        this.#counts.directories += 1
        await this.#write(recordOf(entry, 0n, EMPTY))
        return
      case "symlink":
        this.#counts.symlinks += 1
        await this.#write(recordOf(entry, 0n, entry.target))
        return
      default:
        await this.#file(entry)
    }
  }

  async finish(): Promise<void> {
    await this.#write({ kind: "end" })
    this.#output.end()
  }

  /** As many bytes as were announced: of a file that shrank meanwhile the rest is a hole, and it is listed. */
  async #file(entry: HostEntry & { readonly kind: "file" }): Promise<void> {
    const { descriptor, stats, path } = entry
    const { size } = stats
    this.#counts.files += 1
    if (stats.nlink > 1n) this.#counts.hardLinks += 1
    await this.#write(recordOf(entry, size, EMPTY))
    const end = Number(size)
    const isSparse = stats.blocks * 512n < size
    let problem = ""
    for (let at = 0, dataEnd = isSparse ? 0 : end; at < end; ) {
      if (at === dataEnd) {
        const data = extentFrom(this.#find, descriptor, at, end)
        await this.#hole(data.start - at)
        at = data.start
        dataEnd = data.end
        continue
      }
      const got = this.#read(descriptor, Math.min(dataEnd - at, this.#piece.length), at)
      if (typeof got === "number" && got > 0) {
        await this.#write({ kind: "piece", content: this.#piece.subarray(0, got) })
        this.#sentBytes(got)
        at += got
        continue
      }
      problem = typeof got === "string" ? got : SHRUNK
      await this.#hole(end - at)
      break
    }
    const after = fstatSync(descriptor, { bigint: true })
    const isSame = after.size === size && after.mtimeNs === stats.mtimeNs && after.ctimeNs === stats.ctimeNs
    if (problem !== "" && problem !== SHRUNK) this.#changed.add({ path, why: "unreadable", code: problem })
    else if (!isSame || problem === SHRUNK) this.#changed.add({ path, why: "changed", code: "" })
  }

  async #hole(bytes: number): Promise<void> {
    if (bytes === 0) return
    await this.#write({ kind: "hole", bytes: BigInt(bytes) })
    this.#sentBytes(bytes)
  }

  #sentBytes(count: number): void {
    this.#counts.bytes += count
    this.#onBytes(this.#counts.bytes)
  }

  /** Bytes read, or why none can be. */
  #read(descriptor: number, length: number, at: number): number | string {
    try {
      return readSync(descriptor, this.#piece, 0, length, at)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? "unknown"
    }
  }

  /** The piece is copied into its frame: it may be read into again at once. */
  async #write(record: TreeRecord): Promise<void> {
    this.#signal.throwIfAborted()
    if (this.#output.write(frameOf(record))) return
    await once(this.#output, "drain", { signal: this.#signal }).catch((error: unknown) => {
      this.#signal.throwIfAborted()
      throw error
    })
  }
}

/** What comes next of a file that is no hole: 0 ≤ start ≤ end ≤ size. Where nobody knows, all of it. */
function extentFrom(find: FindHoles, descriptor: number, at: number, size: number) {
  const start = find.seekData(descriptor, at)
  if (start === -constants.errno.ENXIO) return { start: size, end: size }
  if (start < at) return { start: at, end: size }
  const end = find.seekHole(descriptor, start)
  return { start: Math.min(start, size), end: end <= start ? size : Math.min(end, size) }
}

/** The file has fewer bytes than it had when it was opened. */
const SHRUNK = "shrunk"

class Listed {
  readonly first: SkippedEntry[] = []
  count = 0
  add({ path, why, code }: SkippedEntry): void {
    this.count += 1
    if (this.first.length < LIMITS.listed) this.first.push({ path, why, code })
  }
}

const EMPTY = Buffer.alloc(0)

/** Bits that give a program the rights of its owner are not carried over. */
const PERMISSIONS = 0o777

function recordOf(
  { kind, path, stats }: Exclude<HostEntry, { readonly kind: "skipped" }>,
  size: bigint,
  target: Uint8Array,
): TreeRecord {
  const modifyTime = stats.mtimeNs < 0n ? 0n : stats.mtimeNs
  return {
    kind: "entry",
    entryKind: kind,
    path,
    mode: Number(stats.mode) & PERMISSIONS,
    modifyTime,
    size,
    target,
  }
}
