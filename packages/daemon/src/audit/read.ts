import type { AuditRow } from "@skerry/rpc"
import { fileName, listFiles } from "./files.ts"
import { parseRow } from "./line.ts"
import { readLines } from "./read-lines.ts"

export interface AuditFilter {
  /** Empty: any. */
  readonly source: string
  readonly target: string
  readonly service: string
  /** Milliseconds since 1970. */
  readonly since: number
}

/**
 * Records that match, oldest first. A record names what it is about, or the call: `call` joins those that follow to
 * the one that names it.
 */
export async function* readRecords(
  state: string,
  filter: AuditFilter,
  /** Resolves when there is more to read; undefined: what is there is all. */
  follow: (() => Promise<void>) | undefined,
  signal: AbortSignal,
): AsyncGenerator<AuditRow> {
  const matches = matcher(filter)
  let file = 0
  let offset = 0
  for (;;) {
    // Asked for before reading: what is written meanwhile is not waited for in vain.
    const changed = follow?.()
    const files = listFiles(state)
    for (const [index, number] of files.entries()) {
      if (number < file || (await isOver(state, files[index + 1], filter.since))) continue
      if (number > file) offset = 0
      file = number
      let lineNumber = 0
      for await (const { text, bytes } of readLines(state, number, signal, { start: offset })) {
        offset += bytes
        lineNumber += 1
        const row = parseRow(text)
        if (row === undefined) yield notice(number, lineNumber)
        else if (matches(row)) yield row
      }
    }
    if (follow === undefined || signal.aborted) return
    await changed
    if (signal.aborted) return
  }
}

/** All of a file is too old where the next one was begun before. */
async function isOver(state: string, next: number | undefined, since: number): Promise<boolean> {
  if (next === undefined || since === 0) return false
  for await (const { text } of readLines(state, next, never)) {
    const row = parseRow(text)
    return row !== undefined && row.time < since
  }
  return false
}

const never = new AbortController().signal

function notice(number: number, line: number): AuditRow {
  const note = `line ${line} of ${fileName(number)} is no record: "skerry audit verify" tells more`
  return { seq: 0, time: 0, kind: "repair", note }
}

/** Calls that go on at once whose end is still looked for. */
const CALLS = 10_000

function matcher({ source, target, service, since }: AuditFilter): (row: AuditRow) => boolean {
  const isAny = source === "" && target === "" && service === ""
  const calls = new Set<string>()
  const fits = (wanted: string, found: string | undefined) => wanted === "" || wanted === found
  return (row) => {
    if (row.time < since) return false
    if (isAny) return true
    if (row.call !== undefined && calls.has(row.call)) {
      if (row.kind === "call-end") calls.delete(row.call)
      return true
    }
    const isHit =
      fits(source, row.source) &&
      fits(service, row.service) &&
      (fits(target, row.target) || fits(target, row.requestedTarget))
    if (isHit && row.call !== undefined && calls.size < CALLS) calls.add(row.call)
    return isHit
  }
}
