import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { AuditFields, AuditProblem, AuditRow, AuditSummary } from "@skerry/rpc"
import type { Audit } from "./audit.ts"
import { filePath, keyPath, listFiles } from "./files.ts"
import { BEFORE_ALL, type Head } from "./head.ts"
import { AUDIT_LIMITS, type AuditLimits } from "./limits.ts"
import { AuditKey } from "./line.ts"
import { openAudit } from "./open-audit.ts"
import type { AuditFilter } from "./read.ts"
import { verify } from "./verify.ts"

/** For tests: a log of its own in a temporary directory. */
export class TestLog implements AsyncDisposable {
  readonly #opened: Audit[] = []
  readonly state = mkdtempSync(join(tmpdir(), "skerry-audit-"))
  readonly notices: string[] = []
  now = 1_700_000_000_000

  open(limits: Partial<AuditLimits> = {}): Audit {
    const audit = openAudit({
      state: this.state,
      now: () => this.now,
      randomBytes,
      onNotice: (text) => this.notices.push(text),
      limits: { ...AUDIT_LIMITS, ...limits },
    })
    this.#opened.push(audit)
    return audit
  }

  /** A log of so many calls, closed in order. */
  async withCalls(count: number, limits: Partial<AuditLimits> = {}): Promise<void> {
    const audit = this.open(limits)
    for (let index = 0; index < count; index++) {
      audit.append(decision({ call: `c${index}` }))
      if (index % 10 === 9) await audit.flush()
    }
    await audit.end()
  }

  get path(): string {
    return filePath(this.state, listFiles(this.state).at(-1) ?? 0)
  }

  /** Of the latest file, without their line ends. */
  get lines(): string[] {
    return readFileSync(this.path, "utf8").split("\n").slice(0, -1)
  }

  set lines(lines: readonly string[]) {
    writeFileSync(this.path, lines.map((line) => `${line}\n`).join(""))
  }

  /** What is wrong with the log as it lies there, without a daemon. */
  async problems(): Promise<string[]> {
    const key = new AuditKey(readFileSync(keyPath(this.state)))
    const latest = BEFORE_ALL
    return (await collect(verify({ state: this.state, key, latest, anchor: undefined, signal: never })))
      .problems
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const audit of this.#opened) await audit.end()
    rmSync(this.state, { recursive: true })
  }
}

const never = new AbortController().signal

export const decision = (over: Partial<AuditFields> = {}): AuditFields => ({
  kind: "decision",
  call: "c1",
  source: "mail",
  service: "qubes.Filecopy",
  argument: "",
  requestedTarget: "work",
  rule: "30-user.policy:4",
  verdict: "allow",
  target: "work",
  ...over,
})

export interface Verified {
  readonly problems: string[]
  readonly summary: AuditSummary
}

export async function verified(audit: Audit, anchor?: Head): Promise<Verified> {
  await audit.flush()
  return collect(audit.verify(anchor, never))
}

async function collect(found: AsyncIterable<AuditProblem | AuditSummary>): Promise<Verified> {
  const rows: (AuditProblem | AuditSummary)[] = []
  for await (const row of found) rows.push(row)
  const summary = rows.pop() as AuditSummary
  const problems = rows.map((row) => {
    const { file, line, problem } = row as AuditProblem
    return `${file}${line === 0 ? "" : `:${line}`}: ${problem}`
  })
  return { problems, summary }
}

export async function readAll(audit: Audit, filter: Partial<AuditFilter> = {}): Promise<AuditRow[]> {
  const rows: AuditRow[] = []
  await audit.flush()
  const whole = { source: "", target: "", service: "", since: 0, ...filter }
  for await (const row of audit.read(whole, false, never)) rows.push(row)
  return rows
}
