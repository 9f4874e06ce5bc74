import { ADMIN } from "@skerry/rpc"
import { openClientOfDomain } from "../client.ts"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "resume",
  summary: "Let a paused domain go on",
  description: ["It is told the time before anything else."],
  arguments: [{ name: "DOMAIN", required: true, complete: "instance" }],
  options: {},
  examples: [{ command: "skerry resume mail", summary: "Go on with it" }],
  async run(context, { positionals: [domain = ""] }) {
    const connection = await openClientOfDomain(context, domain)
    await connection.call(ADMIN.resume, { domain }, { signal: context.signal }).result
    return 0
  },
})
