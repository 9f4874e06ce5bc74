import { VERSION } from "@skerry/model"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "version",
  summary: "Print the version",
  arguments: [],
  options: { json: { kind: "flag", summary: "As JSON, with the versions of Node and of the machine" } },
  examples: [{ command: "skerry version", summary: "Print the version" }],
  async run(context, { options }) {
    const described = {
      skerry: VERSION,
      node: process.versions.node,
      platform: process.platform,
      arch: process.arch,
    }
    context.stdout.write(options.json ? `${JSON.stringify(described, null, 2)}\n` : `skerry ${VERSION}\n`)
    return 0
  },
})
