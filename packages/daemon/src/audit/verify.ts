import type { AuditProblem, AuditSummary } from "@skerry/rpc"
import { fileName, listFiles } from "./files.ts"
import { BEFORE_ALL, type Head, readHead } from "./head.ts"
import { PROBLEMS } from "./limits.ts"
import { type AuditKey, type Line, parseLine, parseRow } from "./line.ts"
import { readLines } from "./read-lines.ts"

export interface VerifyOptions {
  readonly state: string
  readonly key: AuditKey
  /** The last record that the running daemon wrote. */
  readonly latest: Head
  /** Written down by a person at an earlier time. */
  readonly anchor: Head | undefined
  readonly signal: AbortSignal
}

/** Compares each record with the one before it, and the last one with the head: every problem, then the summary. */
export async function* verify(options: VerifyOptions): AsyncGenerator<AuditProblem | AuditSummary> {
  const { state, key, latest, anchor, signal } = options
  const chain = new Chain(key, anchor)
  // Before the files: a daemon goes on writing.
  const head = readHead(state, key)
  const files = listFiles(state)
  let listed = 0
  for (const number of files) {
    chain.beginFile(number)
    const withRest = number !== files.at(-1)
    for await (const { text } of readLines(state, number, signal, { withRest })) {
      for (const problem of chain.next(text)) if (listed++ < PROBLEMS) yield problem
    }
  }
  for (const problem of chain.end(head, latest)) if (listed++ < PROBLEMS) yield problem
  const { records, firstSeq, last } = chain
  yield { problems: listed, records, files: files.length, firstSeq, lastSeq: last.seq, head: last.mac }
}

/** Pure: lines go in, what is wrong with them comes out. */
class Chain {
  readonly #key: AuditKey
  readonly #anchor: Head | undefined
  #file = 0
  #line = 0
  /** Written with a key that is not here: only the order can be looked at. */
  #isOtherKey = false
  #droppedThrough = 0
  #hasAnchor = false
  firstSeq = 0
  records = 0
  last: Head = BEFORE_ALL

  constructor(key: AuditKey, anchor: Head | undefined) {
    this.#key = key
    this.#anchor = anchor
  }

  beginFile(file: number): void {
    this.#file = file
    this.#line = 0
  }

  next(text: string): AuditProblem[] {
    this.#line += 1
    const line = parseLine(text)
    const row = parseRow(text)
    if (line === undefined || row === undefined) return [this.#problem("this line is no record")]
    this.records += 1
    const problems = this.#line === 1 ? this.#firstOfFile(line, row) : []
    // Of a log whose oldest files were removed: it is the record of kind "dropped" that makes this right.
    if (this.firstSeq === 0) this.firstSeq = line.seq
    if (row.kind === "dropped") this.#droppedThrough = Math.max(this.#droppedThrough, row.through ?? 0)
    const expected = this.last.seq + 1
    const isIntact = this.#isOtherKey || line.mac === this.#key.mac(this.last.mac, line.body)
    if (line.seq !== expected) problems.push(this.#problem(outOfOrder(line.seq, expected)))
    else if (!isIntact) problems.push(this.#problem(`record ${line.seq} was changed`))
    if (this.#anchor?.seq === line.seq) {
      this.#hasAnchor = true
      if (this.#anchor.mac !== line.mac) {
        problems.push(this.#problem(`record ${line.seq} is another one than was written down`))
      }
    }
    this.last = { seq: line.seq, mac: line.mac }
    return problems
  }

  #firstOfFile(line: Line, row: NonNullable<ReturnType<typeof parseRow>>): AuditProblem[] {
    if (row.kind !== "file" || row.continues === undefined) {
      return [this.#problem("the file does not begin with its own first record")]
    }
    const problems: AuditProblem[] = []
    if (row.file !== this.#file) {
      problems.push(this.#problem(`this is file ${fileName(row.file ?? 0)} under another name`))
    }
    const isAfterOtherKey = this.#isOtherKey
    this.#isOtherKey = row.key !== this.#key.id
    if (this.#isOtherKey) {
      problems.push(this.#problem("written with a key that is not here any more: it cannot be checked"))
    }
    // Removed on purpose at the beginning: it goes on from a record that is gone. Its own MAC covers this.
    const isAtBeginning = this.firstSeq === 0 && line.seq > 1
    if (isAtBeginning || (isAfterOtherKey && line.seq === this.last.seq + 1))
      this.last = { seq: line.seq - 1, mac: row.continues }
    else if (line.seq !== this.last.seq + 1 && !this.#isOtherKey) {
      problems.push(this.#problem(outOfOrder(line.seq, this.last.seq + 1)))
      this.last = { seq: line.seq - 1, mac: row.continues }
    }
    return problems
  }

  end(found: ReturnType<typeof readHead>, latest: Head): AuditProblem[] {
    const problems: AuditProblem[] = []
    const say = (problem: string, file = "head") => problems.push({ problem, file, line: 0 })
    if (this.firstSeq > this.#droppedThrough + 1) {
      say(`${records(this.#droppedThrough + 1, this.firstSeq - 1)} missing`, fileName(1))
    }
    if (found === undefined) say("the head is missing")
    else if (typeof found === "string") say(found)
    const recorded = typeof found === "object" ? found : BEFORE_ALL
    const head = recorded.seq > latest.seq ? recorded : latest
    if (head.seq > this.last.seq) {
      say(`${records(this.last.seq + 1, head.seq)} missing at the end`, fileName(this.#file))
    } else if (head.seq === this.last.seq && head.mac !== this.last.mac) {
      say("the last record is another one than was written", fileName(this.#file))
    }
    if (this.#anchor !== undefined && !this.#hasAnchor) {
      say(`record ${this.#anchor.seq}, which was written down, is missing`, fileName(this.#file))
    }
    return problems
  }

  #problem(problem: string): AuditProblem {
    return { problem, file: fileName(this.#file), line: this.#line }
  }
}

function outOfOrder(seq: number, expected: number): string {
  if (seq < expected) return `record ${seq} stands where ${expected} belongs`
  return `${records(expected, seq - 1)} missing before record ${seq}, which cannot be checked without`
}

const records = (from: number, to: number) =>
  from === to ? `record ${from} is` : `records ${from} to ${to} are`
