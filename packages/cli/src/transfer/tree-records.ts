import type { Readable } from "node:stream"
import { TreeRecord } from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import { CliError } from "../cli-error.ts"

/* The stream of tree-stream.ts: u32 length (little-endian), record; u32 length, record; … */

export const TRANSFER_LIMITS = {
  /** Of one record, as the table of TreeRecord bounds it: a longer one is no record. */
  recordBytes: 256 * 1024 + 64,
  /** Bytes of a file in one record. */
  pieceBytes: 256 * 1024,
} as const

/** With its length in front. */
export function frameOf(record: TreeRecord): Buffer {
  const payload = encode(TreeRecord, record)
  const frame = Buffer.allocUnsafe(4 + payload.length)
  frame.writeUInt32LE(payload.length)
  frame.set(payload, 4)
  return frame
}

/**
 * The records of an export, each good until the next is asked for. Ends after "end"; where the stream ends before, the
 * call's own failure is thrown if it has one.
 */
export async function* readTreeRecords(call: {
  readonly stdout: Readable
  readonly result: Promise<unknown>
}): AsyncGenerator<TreeRecord> {
  let untrusted: Buffer = Buffer.alloc(0)
  for await (const chunk of call.stdout) {
    untrusted = untrusted.length === 0 ? (chunk as Buffer) : Buffer.concat([untrusted, chunk as Buffer])
    let at = 0
    while (untrusted.length - at >= 4) {
      const length = untrusted.readUInt32LE(at)
      if (length > TRANSFER_LIMITS.recordBytes) throw broken(`a record of ${length} bytes came`)
      if (untrusted.length - at - 4 < length) break
      const record = parsed(untrusted.subarray(at + 4, at + 4 + length))
      yield record
      if (record.kind === "end") return
      at += 4 + length
    }
    untrusted = untrusted.subarray(at)
  }
  await call.result
  throw broken("it was cut off")
}

function parsed(untrustedBytes: Uint8Array): TreeRecord {
  try {
    return decode(TreeRecord, untrustedBytes)
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : "a record cannot be read", cause)
  }
}

const broken = (why: string, cause?: unknown) =>
  new CliError("refused", `What the store sent cannot be used: ${why}`, { cause })
