import type { Digest } from "@skerry/model"
import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"
import { IMAGE_HOOKS } from "../image/hooks.ts"
import { showBytes } from "../render/amount.ts"
import { showJson } from "../render/table.ts"

const DEFAULT_KEEP = 5

export const command = defineCommand({
  name: "gc",
  summary: "Remove old generations, and what nothing uses any more",
  description: [
    "The current generation always stays, and so do the images of running domains. Images, and packages that were downloaded for them, go with the last generation that uses them.",
  ],
  arguments: [],
  options: {
    keep: {
      kind: "value",
      placeholder: "N",
      summary: `How many of the newest generations stay (${DEFAULT_KEEP})`,
    },
    json: { kind: "flag", summary: "Print what was removed as JSON" },
  },
  examples: [
    { command: "skerry gc", summary: `Keep the newest ${DEFAULT_KEEP} generations` },
    { command: "skerry gc --keep 1", summary: "Keep only the newest and the current one" },
  ],
  async run(context, { options }) {
    const word = options.keep ?? String(DEFAULT_KEEP)
    if (!/^(0|[1-9][0-9]{0,5})$/.test(word)) {
      throw new CliError("usage", `Cannot keep ${JSON.stringify(word)} generations: expected a number`)
    }
    const running = new Set<Digest>()
    for (const hook of IMAGE_HOOKS) {
      for (const digest of (await hook.runningImages?.(context)) ?? []) running.add(digest)
    }
    const { collectGarbage } = await import("@skerry/image")
    const { openLinux } = await import("@skerry/linux")
    const { removedGenerations, freedBytes, keptImages } = await collectGarbage(context.paths, openLinux(), {
      keep: Number(word),
      running,
    })
    for (const hook of IMAGE_HOOKS) await hook.afterGc?.(context, keptImages)
    if (options.json) {
      context.stdout.write(showJson({ removedGenerations, freedBytes }))
      return 0
    }
    const removed =
      removedGenerations.length === 0
        ? "No generation was removed"
        : `Removed generations: ${removedGenerations.join(", ")}`
    context.stdout.write(`${removed}; freed ${showBytes(freedBytes)}\n`)
    return 0
  },
})
