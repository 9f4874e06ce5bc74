import { mkdirSync, readFileSync, renameSync, statSync } from "node:fs"
import { join } from "node:path"
import { writeDurably } from "@skerry/image"
import type { GrantRow } from "@skerry/rpc"
import { DaemonError, messageOf } from "../errors.ts"
import type { Answer, Question } from "../prompts/answer.ts"
import { counts, type Entry, formatFile, isOver, keyOf, keyText, parseFile, REMEMBERED } from "./entry.ts"
import type { RememberedAnswers } from "./remembered-answers.ts"

export interface RememberedOptions {
  /** The state store's directory. */
  readonly state: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly onNotice: (text: string) => void
}

const FILE = "remembered.json"

/**
 * Answers that are good for more than once. Those for a domain's life are kept in memory: domains end with their
 * daemon. The others are in the state store; a file that is damaged is set aside and counts for nothing.
 */
export class Remembered implements RememberedAnswers {
  readonly #options: RememberedOptions
  readonly #path: string
  readonly #byKey = new Map<string, Entry>()
  #nextId = 1
  /** Writes go one after the other, each of the latest contents. */
  #writing: Promise<void> = Promise.resolve()

  constructor(options: RememberedOptions) {
    this.#options = options
    this.#path = join(options.state, FILE)
    this.#load()
  }

  find(question: Question, now: number): Answer | undefined {
    const entry = this.#byKey.get(keyText(keyOf(question)))
    if (entry === undefined || !counts(entry, question, now)) return undefined
    const by = `remembered ${entry.id}`
    if (entry.verdict === "deny") return { kind: "deny", scope: entry.scope, why: "user", by }
    const { target, scope } = entry
    return scope.kind === "never" ? undefined : { kind: "allow", target, scope, by }
  }

  async add(question: Question, answer: Answer, now: number): Promise<void> {
    const { scope } = answer
    // What nobody said is not remembered.
    if (scope.kind === "once" || (answer.kind === "deny" && answer.why !== "user")) return
    const key = keyOf(question)
    this.#forgetExpired(now)
    if (this.#byKey.size >= REMEMBERED.entries && !this.#byKey.has(keyText(key))) {
      this.#options.onNotice(
        `an answer was good for once only: ${REMEMBERED.entries} are remembered already, "skerry grants revoke" makes room`,
      )
      return
    }
    this.#byKey.set(keyText(key), {
      ...key,
      id: this.#nextId++,
      verdict: answer.kind,
      target: answer.kind === "allow" ? answer.target : "",
      scope,
      answeredAt: now,
      answeredBy: answer.by,
    })
    if (scope.kind === "domain") return
    try {
      await this.#save()
    } catch (error) {
      this.#options.onNotice(`a remembered answer will not outlive the daemon: ${messageOf(error)}`)
    }
  }

  list(now: number): GrantRow[] {
    this.#forgetExpired(now)
    return [...this.#byKey.values()]
      .sort((a, b) => a.id - b.id)
      .map(({ scope, ...entry }) => ({
        ...entry,
        scope: scope.kind,
        until: scope.kind === "until" ? scope.until : undefined,
      }))
  }

  /** Forgets these, or all where none is named; what was forgotten. Rejects where that would not outlive the daemon. */
  async revoke(ids: readonly number[]): Promise<GrantRow[]> {
    const rows = this.list(this.#options.now()).filter(({ id }) => ids.length === 0 || ids.includes(id))
    for (const row of rows) this.#byKey.delete(keyText(row))
    if (rows.some(({ scope }) => scope !== "domain")) {
      await this.#save().catch((cause: unknown) => {
        const message = `Cannot forget for good: ${messageOf(cause)}; it is forgotten until the daemon ends, make room and try again`
        throw new DaemonError("internal", message, { cause })
      })
    }
    return rows
  }

  domainEnded(domain: string, isDisposable: boolean): void {
    let isInFile = false
    for (const [key, entry] of this.#byKey) {
      if (entry.source !== domain || (entry.scope.kind !== "domain" && !isDisposable)) continue
      this.#byKey.delete(key)
      isInFile ||= entry.scope.kind !== "domain"
    }
    if (isInFile) this.#save().catch((error: unknown) => this.#options.onNotice(messageOf(error)))
  }

  /** Resolves when all that was to be written is. */
  async end(): Promise<void> {
    await this.#writing.catch(() => {})
  }

  #forgetExpired(now: number): void {
    for (const [key, entry] of this.#byKey) if (isOver(entry, now)) this.#byKey.delete(key)
  }

  #save(): Promise<void> {
    const write = () => {
      mkdirSync(this.#options.state, { recursive: true, mode: 0o700 })
      const kept = [...this.#byKey.values()].filter(({ scope }) => scope.kind !== "domain")
      return writeDurably(this.#path, formatFile(this.#nextId, kept), 0o600)
    }
    this.#writing = this.#writing.then(write, write)
    return this.#writing
  }

  #load(): void {
    const found = this.#read()
    if (found === undefined) return
    if ("problem" in found) {
      this.#setAside(found.problem)
      return
    }
    this.#nextId = found.nextId
    for (const entry of found.entries) this.#byKey.set(keyText(entry), entry)
  }

  #read(): ReturnType<typeof parseFile> | { readonly problem: string } {
    try {
      if (statSync(this.#path).size > REMEMBERED.fileBytes) return { problem: "there is too much of it" }
      return parseFile(readFileSync(this.#path, "utf8")) ?? { problem: "the file is damaged" }
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT"
      return isMissing ? undefined : { problem: messageOf(error) }
    }
  }

  #setAside(why: string): void {
    const aside = `${this.#path}.damaged-${this.#options.now()}`
    try {
      renameSync(this.#path, aside)
      this.#options.onNotice(`remembered answers do not count: ${why}; the file is now ${aside}`)
    } catch (error) {
      this.#options.onNotice(`remembered answers do not count: ${why}; ${messageOf(error)}`)
    }
  }
}
