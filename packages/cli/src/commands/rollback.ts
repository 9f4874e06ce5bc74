import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"
import { showJson } from "../render/table.ts"

export const command = defineCommand({
  name: "rollback",
  summary: "Return to an earlier generation",
  description: [
    "New domains are made from that generation's configuration and images; domains that run keep theirs. Without a number it is the one before the current. The next build makes a generation of the configuration as it is then.",
  ],
  arguments: [{ name: "N", required: false }],
  options: { json: { kind: "flag", summary: "Print the generation as JSON" } },
  examples: [
    { command: "skerry rollback", summary: "To the generation before the current one" },
    { command: "skerry rollback 3", summary: "To generation 3, as skerry generations lists it" },
  ],
  async run(context, { options, positionals: [word] }) {
    if (word !== undefined && !/^[1-9][0-9]{0,8}$/.test(word)) {
      throw new CliError(
        "usage",
        `Cannot roll back to ${JSON.stringify(word)}: expected a generation's number`,
      )
    }
    const { rollback } = await import("@skerry/image")
    const { openLinux } = await import("@skerry/linux")
    const number = await rollback(context.paths, openLinux(), word === undefined ? undefined : Number(word))
    context.stdout.write(
      options.json ? showJson({ generation: number }) : `Generation ${number} is current\n`,
    )
    return 0
  },
})
