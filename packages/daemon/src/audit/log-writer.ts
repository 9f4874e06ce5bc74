import { type FileHandle, open, rename, unlink } from "node:fs/promises"
import { filePath, headPath, listFiles } from "./files.ts"
import { formatHead, type Head } from "./head.ts"
import { type AuditKey, parseLine } from "./line.ts"
import type { Resumption } from "./resume.ts"

/** What is to happen to the files, in this order. */
export type Piece =
  | { readonly kind: "line"; readonly line: string; readonly head: Head }
  | { readonly kind: "file"; readonly file: number }
  /** Once all before it is synced. */
  | { readonly kind: "remove"; readonly file: number }

/** Bytes of one write: more records go into the next one. */
const CHUNK_BYTES = 1024 * 1024

/**
 * Carries out what was decided for the files. Whatever fails is thrown, and is done again by the next write: lines are
 * written at their own place, so a line that was written half is written over.
 */
export class LogWriter {
  readonly #state: string
  readonly #key: AuditKey
  #unwritten: Piece[] = []
  #file: number
  #position: number
  #handle: FileHandle | undefined
  /** Of the last line written. */
  #written: Head
  #synced: Head
  #hasNewFile = false

  constructor(state: string, key: AuditKey, { head, lastFile, fileBytes }: Resumption) {
    this.#state = state
    this.#key = key
    this.#file = lastFile
    this.#position = fileBytes ?? 0
    this.#written = head
    this.#synced = head
  }

  get hasUnwritten(): boolean {
    return this.#unwritten.length > 0
  }

  /** The last record in the files. */
  get written(): Head {
    return this.#written
  }

  take(pieces: readonly Piece[]): void {
    if (this.#unwritten.length === 0) this.#unwritten = [...pieces]
    else for (const piece of pieces) this.#unwritten.push(piece)
  }

  async write(onWritten: (bytes: number) => void): Promise<void> {
    for (;;) {
      const [first] = this.#unwritten
      if (first === undefined) return
      switch (first.kind) {
        case "line":
          await this.#writeLines(onWritten)
          break
        case "file":
          await this.#beginFile(first.file)
          break
        case "remove":
          await this.sync()
          await unlink(filePath(this.#state, first.file))
          this.#unwritten.shift()
          break
      }
    }
  }

  /** What was written outlives a power cut, and is known to have been there. */
  async sync(): Promise<void> {
    const head = this.#written
    if (head.seq === this.#synced.seq) return
    await this.#handle?.datasync()
    const path = headPath(this.#state)
    const file = await open(`${path}.new`, "w", 0o600)
    try {
      await file.writeFile(formatHead(this.#key, head))
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
    if (head.seq > this.#synced.seq) this.#synced = head
  }

  /** Of the oldest file, where there are more than `files` of them. */
  async lastSeqOfOldest(files: number): Promise<{ file: number; seq: number } | undefined> {
    if (!this.#hasNewFile) return undefined
    this.#hasNewFile = false
    const numbers = listFiles(this.#state)
    const [oldest, second] = numbers
    if (numbers.length <= files || oldest === undefined || second === undefined) return undefined
    const seq = await firstSeq(filePath(this.#state, second))
    return seq === undefined ? undefined : { file: oldest, seq: seq - 1 }
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #writeLines(onWritten: (bytes: number) => void): Promise<void> {
    const lines: string[] = []
    let bytes = 0
    let head = this.#written
    for (const piece of this.#unwritten) {
      if (piece.kind !== "line" || bytes >= CHUNK_BYTES) break
      lines.push(piece.line)
      bytes += piece.line.length
      head = piece.head
    }
    this.#handle ??= await open(filePath(this.#state, this.#file), "r+")
    const chunk = Buffer.from(lines.join(""), "latin1")
    for (let done = 0; done < bytes; ) {
      const { bytesWritten } = await this.#handle.write(chunk, done, bytes - done, this.#position + done)
      done += bytesWritten
    }
    this.#position += bytes
    this.#written = head
    this.#unwritten.splice(0, lines.length)
    onWritten(bytes)
  }

  async #beginFile(number: number): Promise<void> {
    await this.sync()
    const before = this.#handle
    this.#handle = await open(filePath(this.#state, number), "wx", 0o600)
    this.#unwritten.shift() // done, whatever comes of the file before
    this.#file = number
    this.#position = 0
    this.#hasNewFile = true
    await before?.close()
  }
}

async function firstSeq(path: string): Promise<number | undefined> {
  const file = await open(path, "r")
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0)
    return parseLine(buffer.toString("latin1", 0, bytesRead).split("\n")[0] ?? "")?.seq
  } finally {
    await file.close()
  }
}
