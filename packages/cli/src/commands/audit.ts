import { ADMIN, type AuditProblem, type AuditRow, type AuditSummary } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { readRows } from "../client-lines.ts"
import { type CommandContext, defineCommand } from "../command.ts"
import { auditLine, auditTable, problemText, summaryText } from "../render/audit.ts"
import { parseSince } from "../render/time.ts"
import { write } from "../render/write.ts"

export const command = defineCommand({
  name: "audit",
  summary: "Show the log of every call and decision, and check it",
  description: [
    "Every decision of the policy, every answer and every end of a call is recorded. Each record vouches for those before it: verify finds what was removed, changed or put elsewhere, and says which. Its last line names the latest record; written down elsewhere, --head shows at a later time that the log up to there is still the same.",
  ],
  arguments: [{ name: "ACTION", required: false, choices: ["verify"] }],
  options: {
    source: {
      kind: "value",
      placeholder: "DOMAIN",
      complete: "instance",
      summary: "Only calls from this domain",
    },
    target: {
      kind: "value",
      placeholder: "DOMAIN",
      complete: "instance",
      summary: "Only calls to this domain",
    },
    service: { kind: "value", placeholder: "SERVICE", summary: "Only calls of this service" },
    since: {
      kind: "value",
      placeholder: "TIME",
      summary: "Only since then: 90m, 2d, 2026-11-21, 2026-11-21 08:00",
    },
    follow: { kind: "flag", short: "f", summary: "Go on showing what happens until interrupted" },
    head: { kind: "value", placeholder: "N:HASH", summary: "With verify: a record that was written down" },
    json: { kind: "flag", summary: "One JSON object per line, with all there is to know" },
  },
  examples: [
    { command: "skerry audit --since 1d --source mail", summary: "What mail did since yesterday" },
    { command: "skerry audit verify", summary: "Was anything removed or changed?" },
  ],
  async run(context, { options, positionals: [action] }) {
    if (action === "verify") return verify(context, options.head, options.json)
    if (options.head !== undefined) throw new CliError("usage", "--head goes with verify")
    const { source = "", target = "", service = "", follow, json } = options
    const since = sinceOf(options.since)
    const connection = await openClient(context)
    const params = { source, target, service, since: BigInt(since), follow }
    const rows: AuditRow[] = []
    const found = readRows<typeof params, AuditRow>(connection, ADMIN.audit, params, context.signal)
    for await (const row of found) {
      if (json) await write(context.stdout, `${JSON.stringify(row)}\n`)
      else if (follow) await write(context.stdout, auditLine(row))
      else {
        rows.push(row)
        if (rows.length >= 2 * SHOWN) rows.splice(0, SHOWN)
      }
    }
    if (!json && !follow) context.stdout.write(auditTable(rows.slice(-SHOWN)))
    return 0
  },
})

/** Rows of a table: of more the latest. */
const SHOWN = 10_000

async function verify(context: CommandContext, head: string | undefined, json: boolean): Promise<number> {
  const [, seq = "0", mac = ""] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(head ?? "") ?? []
  if (head !== undefined && mac === "") {
    throw new CliError(
      "usage",
      `${JSON.stringify(head)} is no record: write its number, ":" and its hash, as verify prints them`,
    )
  }
  const connection = await openClient(context)
  const params = { seq: BigInt(seq), head: mac }
  let isWhole = false
  type Row = AuditProblem | AuditSummary
  for await (const row of readRows<typeof params, Row>(
    connection,
    ADMIN.verifyAudit,
    params,
    context.signal,
  )) {
    if (!("problem" in row)) isWhole = row.problems === 0
    const text = json ? `${JSON.stringify(row)}\n` : "problem" in row ? problemText(row) : summaryText(row)
    await write(context.stdout, text)
  }
  return isWhole ? 0 : 1
}

function sinceOf(word: string | undefined): number {
  if (word === undefined) return 0
  const since = parseSince(word, Date.now())
  if (since !== undefined && since >= 0) return since
  throw new CliError(
    "usage",
    `${JSON.stringify(word)} is no time: write 90m, 2d, 2026-11-21 or 2026-11-21 08:00`,
  )
}
