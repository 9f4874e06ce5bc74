import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs"
import { filePath, listFiles } from "./files.ts"
import { BEFORE_ALL, type Head, readHead } from "./head.ts"
import { type AuditKey, type Line, parseLine } from "./line.ts"

/** Where to go on in a log, and what was found wrong with its end. */
export interface Resumption {
  readonly head: Head
  /** Zero: there is none yet. */
  readonly lastFile: number
  /** Bytes of the last file; undefined: begin a new one. */
  readonly fileBytes: number | undefined
  /** Each a sentence, for a record of kind "repair". */
  readonly repairs: readonly string[]
}

/** Read first: a log that ended in order has its last record there. */
const TAIL_BYTES = 64 * 1024

/** Cuts a torn last line. What lies before the head is for `skerry audit verify` to look at. */
export function resume(state: string, key: AuditKey, isNewKey: boolean): Resumption {
  const lastFile = listFiles(state).at(-1) ?? 0
  const found = readHead(state, key)
  const repairs: string[] = []
  if (isNewKey && (lastFile > 0 || found !== undefined)) {
    repairs.push("the key was missing: what was recorded before cannot be checked any more")
  } else if (typeof found === "string") repairs.push(found)
  else if (found === undefined && !isNewKey) repairs.push("the head was missing: records may be, too")
  const head = typeof found === "object" ? found : BEFORE_ALL
  if (lastFile === 0) {
    if (head.seq > 0) repairs.push(`records up to ${head.seq} are missing: there are no files`)
    return { head, lastFile, fileBytes: undefined, repairs }
  }
  const { lines, fileBytes, cutBytes } = readEnd(filePath(state, lastFile), head)
  if (cutBytes > 0)
    repairs.push(`a last line of ${cutBytes} bytes was cut: it had not been written to its end`)
  if (lines.length === 0) return { head, lastFile, fileBytes: undefined, repairs }
  const last = follow(lines, head, key)
  if (last === undefined) {
    const seq = Math.max(head.seq, ...lines.map((line) => line?.seq ?? 0))
    if (!isNewKey) repairs.push(`the log does not go on from record ${head.seq}, which is its head`)
    return { head: { seq, mac: head.mac }, lastFile, fileBytes: undefined, repairs }
  }
  return { head: last, lastFile, fileBytes, repairs }
}

/** From the head's own record to the last one, each joined to the one before; undefined: they are not. */
function follow(lines: readonly (Line | undefined)[], head: Head, key: AuditKey): Head | undefined {
  let at = lines.findIndex((line) => line?.seq === head.seq)
  if (at === -1) {
    // It may be the last of the file before; then this one begins with what follows it.
    if (lines[0]?.seq !== head.seq + 1) return undefined
  } else if (lines[at]?.mac !== head.mac) return undefined
  let last = head
  for (at += 1; at < lines.length; at++) {
    const line = lines[at]
    if (line === undefined || line.seq !== last.seq + 1 || line.mac !== key.mac(last.mac, line.body)) {
      return undefined
    }
    last = { seq: line.seq, mac: line.mac }
  }
  return last
}

function readEnd(path: string, head: Head) {
  const file = openSync(path, "r+")
  try {
    const { size } = fstatSync(file)
    let text = readFrom(file, size, Math.max(0, size - TAIL_BYTES))
    if (size > TAIL_BYTES && !text.includes(`\n{"seq":${head.seq},`)) text = readFrom(file, size, 0)
    const end = text.lastIndexOf("\n") + 1
    const cutBytes = text.length - end
    const fileBytes = size - cutBytes
    if (cutBytes > 0) ftruncateSync(file, fileBytes)
    const whole = text.slice(0, end).split("\n").slice(0, -1)
    // The first of a tail is most likely not a whole line.
    const lines = text.length < size ? whole.slice(1) : whole
    return { lines: lines.map(parseLine), fileBytes, cutBytes }
  } finally {
    closeSync(file)
  }
}

function readFrom(file: number, size: number, start: number): string {
  const bytes = Buffer.alloc(size - start)
  const count = readSync(file, bytes, 0, bytes.length, start)
  return bytes.toString("latin1", 0, count)
}
