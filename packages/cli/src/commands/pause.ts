import { ADMIN } from "@skerry/rpc"
import { openClientOfDomain } from "../client.ts"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "pause",
  summary: "Stop a domain's processors until it is resumed",
  description: ["Nothing in the domain runs any more, its memory stays as it is, and commands are refused."],
  arguments: [{ name: "DOMAIN", required: true, complete: "instance" }],
  options: {},
  examples: [{ command: "skerry pause mail", summary: "Put it aside" }],
  async run(context, { positionals: [domain = ""] }) {
    const connection = await openClientOfDomain(context, domain)
    await connection.call(ADMIN.pause, { domain }, { signal: context.signal }).result
    return 0
  },
})
