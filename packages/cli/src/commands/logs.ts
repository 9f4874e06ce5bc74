import { printable } from "@skerry/model"
import { ADMIN, type LogRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openRunningClient } from "../client.ts"
import { readRows } from "../client-lines.ts"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "logs",
  summary: "Show what happened to an instance's domains and what they printed on their console",
  description: [
    "The latest lines of the instance's domains, disposables included, are kept while the daemon runs, also after they ended. What a guest printed is shown with its control characters escaped.",
  ],
  arguments: [{ name: "INSTANCE", required: true, complete: "instance" }],
  options: {
    follow: { kind: "flag", short: "f", summary: "Go on showing what happens until interrupted" },
    json: { kind: "flag", summary: "One JSON object per line" },
  },
  examples: [
    { command: "skerry logs mail", summary: "Why did it end?" },
    { command: "skerry logs -f mail", summary: "What is it doing?" },
  ],
  async run(context, { options, positionals: [domain = ""] }) {
    const connection = await openRunningClient(context)
    if (connection === undefined) {
      throw new CliError(
        "refused",
        `There are no logs of ${JSON.stringify(domain)}: no daemon runs, and logs end with it`,
      )
    }
    const params = { domain, follow: options.follow }
    for await (const row of readRows<typeof params, LogRow>(connection, ADMIN.logs, params, context.signal)) {
      const line = options.json ? JSON.stringify(row) : describe(row)
      if (!context.stdout.write(`${line}\n`)) {
        await new Promise<void>((resolve) => context.stdout.once("drain", resolve))
      }
    }
    return 0
  },
})

function describe({ time, domain, kind, text }: LogRow): string {
  const clock = new Date(time).toISOString().slice(0, 23).replace("T", " ")
  return printable(`${clock} ${domain} ${kind === "console" ? "| " : ""}${text}`)
}
