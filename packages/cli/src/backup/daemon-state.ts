import { pipeline } from "node:stream/promises"
import {
  type Connection,
  ObjectRecord,
  STATE_LIMITS,
  STATE_METHODS,
  type TreeRow,
  type VersionRow,
} from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import { allOf, readRows } from "../client-lines.ts"
import { BackupError } from "./errors.ts"
import type { StateSink, StateSource } from "./state-access.ts"

const LENGTH_BYTES = 4
/** An object, its digest, and what the record says of it. */
const MOST_RECORD_BYTES = 1024 * 1024 + 1024

/** The state store behind the daemon. */
export class DaemonState implements StateSource, StateSink {
  readonly #connection: Connection
  readonly #signal: AbortSignal

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection
    this.#signal = signal
  }

  trees(): Promise<readonly TreeRow[]> {
    return allOf(
      readRows<undefined, TreeRow>(this.#connection, STATE_METHODS.stateTrees, undefined, this.#signal),
    )
  }

  async snapshot(tree: string): Promise<void> {
    const params = { tree, reason: "interval", note: "backup" } as const
    await this.#connection.call(STATE_METHODS.stateSnapshot, params, { signal: this.#signal }).result
  }

  versions(tree: string): Promise<readonly VersionRow[]> {
    return allOf(
      readRows<{ tree: string }, VersionRow>(
        this.#connection,
        STATE_METHODS.stateLog,
        { tree },
        this.#signal,
      ),
    )
  }

  async *objects(tree: string, version: VersionRow, known: readonly string[]): AsyncGenerator<ObjectRecord> {
    const params = { tree, version: String(version.version), known: known.slice(-STATE_LIMITS.known) }
    const call = this.#connection.call(STATE_METHODS.stateObjects, params, { signal: this.#signal })
    yield* readRecords(call.stdout)
    await call.result
  }

  async put(objects: AsyncIterable<ObjectRecord>): Promise<void> {
    const giveUp = new AbortController()
    const signal = AbortSignal.any([this.#signal, giveUp.signal])
    const call = this.#connection.call(STATE_METHODS.statePutObjects, undefined, { signal })
    // Where the objects cannot be had, the call ends with that reason; where the call ends, its result says why.
    const sent = pipeline(records(objects), call.stdin).catch((error: unknown) => giveUp.abort(error))
    await call.result
    await sent
  }

  async adopt(tree: string, versions: readonly VersionRow[]): Promise<void> {
    const call = this.#connection.call(
      STATE_METHODS.stateAdopt,
      { tree, present: true },
      { signal: this.#signal },
    )
    const lines = versions.map((row) => `${JSON.stringify(row)}\n`)
    const sent = pipeline(lines, call.stdin).catch(() => {}) // the result says why
    await call.result
    await sent
  }

  async removeTree(tree: string): Promise<void> {
    await this.#connection.call(STATE_METHODS.stateRemoveTree, { tree }, { signal: this.#signal }).result
  }
}

async function* records(objects: AsyncIterable<ObjectRecord>): AsyncGenerator<Uint8Array> {
  for await (const object of objects) {
    const record = encode(ObjectRecord, object)
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32LE(record.length)
    yield length
    yield record
  }
}

/** Each record in memory of its own. */
export async function* readRecords(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ObjectRecord> {
  let target = Buffer.alloc(LENGTH_BYTES)
  let filled = 0
  let isLength = true
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + target.length - filled)
      target.set(piece, filled)
      filled += piece.length
      at += piece.length
      if (filled < target.length) break
      if (!isLength) yield decode(ObjectRecord, target)
      const next: number = isLength ? target.readUInt32LE() : LENGTH_BYTES
      if (next === 0 || next > MOST_RECORD_BYTES)
        throw new BackupError("io", `The state store sent a record of ${next} bytes`)
      target = Buffer.alloc(next)
      filled = 0
      isLength = !isLength
    }
  }
  if (filled > 0 || !isLength) throw new BackupError("io", "The state store stopped within an object")
}
