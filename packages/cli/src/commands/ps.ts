import { ADMIN, type DomainRow } from "@skerry/rpc"
import { openRunningClient } from "../client.ts"
import { readRows } from "../client-lines.ts"
import { defineCommand } from "../command.ts"
import { isolationWords } from "../render/isolation.ts"
import { showJson, table } from "../render/table.ts"

export const command = defineCommand({
  name: "ps",
  summary: "List the domains that run",
  description: [
    "With the isolation that is in force, the generation they were made from, and their own share of the host's memory (memory that domains share counts for each by its part).",
  ],
  arguments: [],
  options: { json: { kind: "flag", summary: "As JSON, with all there is to know" } },
  examples: [{ command: "skerry ps", summary: "What runs, and how well it is kept apart" }],
  async run(context, { options }) {
    const connection = await openRunningClient(context)
    const rows: DomainRow[] = []
    if (connection !== undefined) {
      for await (const row of readRows<undefined, DomainRow>(
        connection,
        ADMIN.ps,
        undefined,
        context.signal,
      )) {
        rows.push(row)
      }
    }
    rows.sort((a, b) => (a.domain < b.domain ? -1 : 1))
    context.stdout.write(
      options.json
        ? showJson(rows)
        : table(rows, [
            { title: "DOMAIN", cell: (row) => row.domain },
            { title: "STATE", cell: (row) => row.state },
            {
              title: "ISOLATION",
              cell: (row) => isolationWords(row.isolation, row.backend, row.acceleration),
            },
            { title: "GENERATION", align: "right", cell: (row) => String(row.generation) },
            { title: "UP", align: "right", cell: (row) => shortDuration(row.uptimeMs) },
            { title: "MEMORY", align: "right", cell: (row) => mebibytes(row.memoryBytes) },
            { title: "COMMANDS", cell: (row) => commandsOf(row) },
          ]),
    )
    return 0
  },
})

/** `59s`, `12m`, `3h`, `4d`. */
export function shortDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}

const mebibytes = (bytes: number | undefined): string =>
  bytes === undefined ? "–" : `${Math.round(bytes / (1024 * 1024))} MiB`

function commandsOf({ commands }: DomainRow): string {
  const shown = commands.slice(0, 3).map(({ argv }) => argv.join(" ").slice(0, 40))
  return [...shown, ...(commands.length > 3 ? [`and ${commands.length - 3} more`] : [])].join(", ")
}
