import { nearMatch, quoted } from "@skerry/model"
import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"
import { commandHelp, overview } from "../help.ts"

export const command = defineCommand({
  name: "help",
  summary: "List the commands, or explain one",
  arguments: [{ name: "COMMAND", required: false, complete: "command" }],
  options: {},
  examples: [{ command: "skerry help run", summary: "What `skerry run` does, with examples" }],
  async run(context, { positionals: [name] }) {
    const shown = context.commands.filter((entry) => entry.hidden !== true)
    if (name === undefined) {
      const modules = await Promise.all(shown.map((entry) => entry.load()))
      context.stdout.write(
        overview(
          modules.map((module) => module.command),
          context.columns,
        ),
      )
      return 0
    }
    const entry = context.commands.find((each) => each.name === name)
    if (entry === undefined) {
      const near = nearMatch(
        name,
        shown.map((each) => each.name),
      )
      throw new CliError(
        "usage",
        `No command ${quoted(name)}${near === undefined ? "" : `: did you mean ${near}?`}`,
      )
    }
    context.stdout.write(commandHelp((await entry.load()).command, context.columns))
    return 0
  },
})
