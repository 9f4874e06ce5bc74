import { ADMIN } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClientOfDomain } from "../client.ts"
import { COMMAND_OPTIONS, commandSpec } from "../client-command.ts"
import { promptMeanwhile } from "../client-prompter.ts"
import { carryCommand } from "../client-session.ts"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "exec",
  summary: "Run a further command in a domain that runs",
  description: ["As run does, but nothing is started: the domain must run. Exit statuses are those of run."],
  arguments: [{ name: "DOMAIN", required: true, complete: "instance" }],
  rest: "CMD…",
  options: COMMAND_OPTIONS,
  examples: [
    { command: "skerry exec scratch -- ps aux", summary: "Look at what runs in it" },
    { command: "skerry exec -u root scratch -- dmesg", summary: "As the domain's own root" },
  ],
  failureStatus: 125,
  async run(context, args) {
    const [domain = ""] = args.positionals
    if (args.rest === undefined || args.rest.length === 0) {
      throw new CliError("usage", `Say what to run: skerry exec ${domain} -- CMD…`)
    }
    const connection = await openClientOfDomain(context, domain)
    const spec = commandSpec(context, args)
    await using _ = await promptMeanwhile(context, connection, spec.terminal !== undefined)
    return await carryCommand(context, spec, (options) =>
      connection.call(ADMIN.exec, { domain, command: spec }, options),
    )
  },
})
