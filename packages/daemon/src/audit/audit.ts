import type { AuditFields, AuditProblem, AuditRow, AuditSummary } from "@skerry/rpc"
import { messageOf } from "../errors.ts"
import type { AuditLog } from "./audit-log.ts"
import type { Head } from "./head.ts"
import type { AuditLimits } from "./limits.ts"
import { type AuditKey, formatLine } from "./line.ts"
import { LogWriter, type Piece } from "./log-writer.ts"
import { type AuditFilter, readRecords } from "./read.ts"
import type { Resumption } from "./resume.ts"
import { verify } from "./verify.ts"

export interface AuditParts {
  readonly state: string
  readonly key: AuditKey
  readonly resumption: Resumption
  readonly limits: AuditLimits
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly onNotice: (text: string) => void
}

/**
 * The log while a daemon runs. A record is chained to the one before when it is appended, and written with all others
 * of the same hundredth of a second. Where the disk takes nothing, records wait up to a bound and `isHealthy` is false: no call runs that
 * could not be recorded.
 */
export class Audit implements AuditLog {
  readonly #parts: AuditParts
  readonly #writer: LogWriter
  /** Chained, and not yet taken by the writer. */
  #pieces: Piece[] = []
  #waitingBytes = 0
  #head: Head
  #file: number
  /** Bytes of the latest file once all that waits is written. */
  #fileBytes: number
  /** It has its first record at most: one more fits, however small the bound. */
  #isFileFresh = false
  #lost = 0
  #problem: string | undefined
  #isWriting = false
  /** By whoever came while one went on. */
  #isWriteWanted = false
  #isScheduled = false
  #syncDue: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #waiters: (() => void)[] = []
  #ended: Promise<void> | undefined

  constructor(parts: AuditParts) {
    const { resumption, state, key } = parts
    this.#parts = parts
    this.#head = resumption.head
    this.#file = resumption.lastFile
    this.#fileBytes = resumption.fileBytes ?? 0
    this.#writer = new LogWriter(state, key, resumption)
    if (resumption.fileBytes === undefined) this.#beginFile()
    this.append({ kind: "start" })
    for (const note of resumption.repairs) {
      this.append({ kind: "repair", note })
      parts.onNotice(`audit log: ${note}`)
    }
  }

  get isHealthy(): boolean {
    return this.problem === undefined
  }

  /** Why records cannot be written at present. */
  get problem(): string | undefined {
    if (this.#problem !== undefined) return this.#problem
    // Before the bound: the refusals that follow are to be recorded as well.
    if (this.#waitingBytes < this.#parts.limits.pendingBytes / 2) return undefined
    return "the disk does not keep up with it"
  }

  /** The record appended last. */
  get head(): Head {
    return this.#head
  }

  append(fields: AuditFields): void {
    if (this.#waitingBytes >= this.#parts.limits.pendingBytes) {
      this.#lost += 1
      return
    }
    this.#chain(fields)
    if (this.#isScheduled) return
    this.#isScheduled = true
    // Each write is work for another thread, which takes the processor from the domains that call.
    setTimeout(() => {
      this.#isScheduled = false
      if (this.#retry === undefined) void this.#write()
    }, this.#parts.limits.gatherMs)
  }

  /** Resolves when what was appended is on the disk, or cannot be written. */
  async flush(): Promise<void> {
    while (this.#isWriting) await this.changed()
    await this.#write()
    await this.#sync()
  }

  /** Resolves when more was written, or the signal is aborted. */
  changed(signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = () => {
      signal?.removeEventListener("abort", done)
      resolve()
    }
    this.#waiters.push(done)
    signal?.addEventListener("abort", done, { once: true })
    return promise
  }

  /** Records that match, oldest first; with `follow` also those to come. */
  read(filter: AuditFilter, follow: boolean, signal: AbortSignal): AsyncGenerator<AuditRow> {
    return readRecords(this.#parts.state, filter, follow ? () => this.changed(signal) : undefined, signal)
  }

  /** Looks at the whole log. What is appended meanwhile need not be seen. */
  verify(anchor: Head | undefined, signal: AbortSignal): AsyncGenerator<AuditProblem | AuditSummary> {
    const { state, key } = this.#parts
    return verify({ state, key, latest: this.#writer.written, anchor, signal })
  }

  /** Resolves when the log is closed, its last record synced. */
  end(): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #end(): Promise<void> {
    this.append({ kind: "end" })
    clearTimeout(this.#retry)
    this.#retry = undefined
    await this.flush()
    for (const timer of [this.#retry, this.#syncDue]) clearTimeout(timer)
    await this.#writer.close()
  }

  #chain(fields: AuditFields & Partial<AuditRow>): void {
    const { key, now, limits } = this.#parts
    const seq = this.#head.seq + 1
    const { line, mac } = formatLine(key, this.#head.mac, seq, now(), fields)
    if (this.#fileBytes + line.length > limits.fileBytes && !this.#isFileFresh) {
      this.#beginFile()
      this.#chain(fields)
      return
    }
    this.#head = { seq, mac }
    this.#isFileFresh = fields.kind === "file"
    this.#fileBytes += line.length
    this.#waitingBytes += line.length
    this.#pieces.push({ kind: "line", line, head: this.#head })
  }

  #beginFile(): void {
    this.#file += 1
    this.#fileBytes = 0
    this.#isFileFresh = true
    this.#pieces.push({ kind: "file", file: this.#file })
    this.#chain({ kind: "file", file: this.#file, key: this.#parts.key.id, continues: this.#head.mac })
  }

  /** One at a time. What is appended meanwhile is written later, together with what follows it. */
  async #write(): Promise<void> {
    if (this.#isWriting) {
      this.#isWriteWanted = true
      return
    }
    await this.#exclusively(async () => {
      this.#writer.take(this.#pieces)
      this.#pieces = []
      while (this.#writer.hasUnwritten) {
        await this.#writer.write((bytes) => {
          this.#waitingBytes -= bytes
        })
        await this.#dropOldest()
        this.#wake()
      }
      this.#recovered()
      this.#syncDue ??= setTimeout(() => void this.#sync(), this.#parts.limits.syncMs).unref()
    })
  }

  async #sync(): Promise<void> {
    clearTimeout(this.#syncDue)
    this.#syncDue = undefined
    if (this.#isWriting) return // its end sees to it
    await this.#exclusively(() => this.#writer.sync())
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    this.#isWriting = true
    try {
      await work()
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isWriting = false
      this.#wake()
    }
    // After a failure it is tried again by time.
    if (!this.#isWriteWanted || this.#retry !== undefined) return
    this.#isWriteWanted = false
    await this.#write()
  }

  async #dropOldest(): Promise<void> {
    const through = await this.#writer.lastSeqOfOldest(this.#parts.limits.files)
    if (through === undefined) return
    this.#chain({ kind: "dropped", through: through.seq, note: `file ${through.file}` })
    this.#pieces.push({ kind: "remove", file: through.file })
    this.#isWriteWanted = true
  }

  #failed(error: unknown): void {
    const { limits, onNotice } = this.#parts
    if (this.#problem === undefined)
      onNotice(`audit log: ${messageOf(error)}; calls are refused until it can be written`)
    this.#problem = messageOf(error)
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      void this.#write()
    }, limits.retryMs).unref()
  }

  #recovered(): void {
    if (this.#problem === undefined && this.#lost === 0) return
    const why = this.#problem ?? "the disk did not keep up"
    const note = `the log could not be written for a while (${why}); ${this.#lost} records were lost`
    this.#problem = undefined
    this.#lost = 0
    this.#parts.onNotice(`audit log: ${note}`)
    this.append({ kind: "repair", note })
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}
