import { ProtocolError, type Reader, type Writer } from "@skerry/wire"

/** What lies below a directory, counted. Sums are exact: a tree holds no more than a number can say. */
export interface Totals {
  /** Entries of the directory itself. */
  readonly entries: number
  /** Files, directories and symlinks at every depth. */
  readonly files: number
  /** Of files' content, at every depth, before compression; holes count. */
  readonly bytes: number
  /** The greatest id at every depth; 0n: there is none. */
  readonly maxId: bigint
}

export const NO_TOTALS: Totals = { entries: 0, files: 0, bytes: 0, maxId: 0n }

export function addTotals(left: Totals, right: Totals): Totals {
  return {
    entries: left.entries + right.entries,
    files: left.files + right.files,
    bytes: left.bytes + right.bytes,
    maxId: left.maxId > right.maxId ? left.maxId : right.maxId,
  }
}

export function writeTotals(writer: Writer, { entries, files, bytes, maxId }: Totals): void {
  writer.u64(BigInt(entries))
  writer.u64(BigInt(files))
  writer.u64(BigInt(bytes))
  writer.u64(maxId)
}

export function readTotals(reader: Reader): Totals {
  const entries = exactNumber(reader)
  const files = exactNumber(reader)
  return { entries, files, bytes: exactNumber(reader), maxId: reader.u64() }
}

/** A number that is kept in 8 bytes and fits into one of JavaScript's. */
export function exactNumber(reader: Reader): number {
  const value = reader.u64()
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ProtocolError("too-large", `${value} is too much to count`)
  return Number(value)
}
