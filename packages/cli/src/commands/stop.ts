import { ADMIN } from "@skerry/rpc"
import { openClientOfDomain } from "../client.ts"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "stop",
  summary: "End domains",
  description: [
    "Each is asked to end by itself and is killed if it has not after five seconds, or at once with --force. What they wrote vanishes with them, but for what is in their directories: that is written back first, and of trees of the state store a version is kept.",
  ],
  arguments: [{ name: "DOMAIN", required: true, many: true, complete: "instance" }],
  options: { force: { kind: "flag", short: "f", summary: "Kill at once" } },
  examples: [{ command: "skerry stop mail", summary: "End it in order" }],
  async run(context, { options, positionals }) {
    const connection = await openClientOfDomain(context, positionals[0])
    await Promise.all(
      positionals.map(
        (domain) =>
          connection.call(ADMIN.stop, { domain, force: options.force }, { signal: context.signal }).result,
      ),
    )
    return 0
  },
})
