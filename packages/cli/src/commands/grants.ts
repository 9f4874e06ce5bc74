import { ADMIN, type DirectoryGrantRow, type GrantRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { readRows } from "../client-lines.ts"
import { defineCommand } from "../command.ts"
import { directoryGrants, directoryTable, shownId } from "../directories/grants.ts"
import { showJson, table } from "../render/table.ts"
import { localTime } from "../render/time.ts"

export const command = defineCommand({
  name: "grants",
  summary: "List remembered answers and directories granted for a while, and revoke answers",
  description: [
    "Directories that were granted while the daemon runs are listed first; skerry revoke takes them back.",
    "An answer to a question of the policy, or of a keeper of keys, can be good for longer than once: while the calling domain runs, until a time, and a refusal until it is revoked. An answer allows nothing that the policy does not leave to you any more.",
  ],
  arguments: [
    { name: "ACTION", required: false, choices: ["revoke"] },
    { name: "ID", required: false, many: true },
  ],
  options: {
    all: { kind: "flag", summary: "With revoke: all of them" },
    json: { kind: "flag", summary: "As JSON" },
  },
  examples: [
    { command: "skerry grants", summary: "What is granted, allowed or refused for longer than once" },
    { command: "skerry grants revoke 3", summary: "Ask again next time" },
  ],
  async run(context, { options, positionals: [action, ...ids] }) {
    const { stdout, signal } = context
    if (action === undefined) {
      if (options.all) throw new CliError("usage", "--all goes with revoke")
      const connection = await openClient(context)
      const rows: GrantRow[] = []
      for await (const row of readRows<undefined, GrantRow>(connection, ADMIN.grants, undefined, signal)) {
        rows.push(row)
      }
      const directories = await directoryGrants(connection, signal)
      if (options.json) stdout.write(showJson([...directories.map(asJson), ...rows]))
      else {
        if (directories.length > 0) stdout.write(`${directoryTable(directories)}\n`)
        stdout.write(rows.length === 0 ? "No answer is remembered.\n" : grantTable(rows))
      }
      return 0
    }
    if (options.all === ids.length > 0) {
      throw new CliError("usage", "Say which to revoke: skerry grants revoke ID… or --all")
    }
    const numbers = ids.map(parseId)
    const connection = await openClient(context)
    const { revoked } = await connection.call(ADMIN.revokeGrants, { ids: numbers }, { signal }).result
    stdout.write(options.json ? showJson({ revoked }) : `Revoked ${revoked}\n`)
    return 0
  },
})

/** Told from answers by its kind, and named as it is to be revoked. */
const asJson = ({ id, kind, ...row }: DirectoryGrantRow) => ({
  id: shownId(id),
  kind: "directory",
  isFile: kind === "file",
  ...row,
})

function parseId(word: string): number {
  if (/^[1-9]\d{0,8}$/.test(word)) return Number(word)
  throw new CliError(
    "usage",
    `${JSON.stringify(word)} is no number of a remembered answer: "skerry grants" lists them`,
  )
}

export function grantTable(rows: readonly GrantRow[]): string {
  return table(rows, [
    { title: "ID", align: "right", cell: ({ id }) => String(id) },
    { title: "ANSWER", cell: ({ verdict }) => verdict },
    { title: "FROM", cell: ({ source }) => source },
    { title: "SERVICE", cell: serviceWords },
    { title: "TO", cell: targetWords },
    { title: "GOOD", cell: scopeWords },
    { title: "ANSWERED", cell: ({ answeredAt }) => localTime(answeredAt) },
    { title: "BY", cell: ({ answeredBy }) => answeredBy },
  ])
}

function serviceWords({ kind, service, argument }: GrantRow): string {
  if (kind === "confirm") return `${service}: ${argument}`
  return argument === "" ? service : `${service}+${argument}`
}

function targetWords({ kind, verdict, target, requestedTarget }: GrantRow): string {
  if (kind === "confirm") return requestedTarget
  const wish = requestedTarget === "@default" || requestedTarget === "" ? "any" : requestedTarget
  if (verdict === "deny") return wish
  return target === requestedTarget ? target : `${target} (asked for ${wish})`
}

function scopeWords({ scope, source, until }: GrantRow): string {
  if (scope === "domain") return `while ${source} runs`
  return scope === "never" ? "until revoked" : `until ${localTime(until ?? 0)}`
}
